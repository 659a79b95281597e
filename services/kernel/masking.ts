// Hides mail addresses and payment tokens in the texts of errors. An error may quote anything: a mail server names the
// recipient in its reply, and Postgres the value that it does not accept.
import { hidden } from '@shop/events/sensitive'

/** All that may be part of an address without quotes, or of a path or a query around it. */
const word = /[^\s<>()[\]",:;\\]+/g
/** `%40` in URLs. In a stack trace, `node_modules/@` begins the name of a package. */
const address = /(?<!node_modules\/)(?<=[^@])(@|%40)[^@]/i
/** Who is on call needs the name of the broker's node. */
const node = /^'?rabbit@rabbitmq-\d/
const token = /(?<![a-z0-9])tok_[^\s<>()[\]",:;\\'`/?&]+/gi

export function maskText(text: string): string {
  return text
    .replace(word, (one) => (address.test(one) && !node.test(one) ? hidden : one))
    .replace(token, hidden)
}

/** Deeper values are hidden as a whole, because an error may refer to itself. */
const levels = 4

/** The same value with each text in it masked, for example a serialized error. */
export function maskTexts(value: unknown, left = levels): unknown {
  if (typeof value === 'string') return maskText(value)
  // A date or a buffer, for example, writes itself.
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value
  if (left === 0) return hidden
  const inner = (child: unknown): unknown => maskTexts(child, left - 1)
  if (Array.isArray(value)) return value.map(inner)
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, inner(child)]))
}
