// The sensitive fields of events: personal data and credentials, which the contracts mark.
import { z } from 'zod'
import * as contracts from './contracts.ts'

/** Names of the fields that any contract marks as sensitive. */
export const sensitiveNames: ReadonlySet<string> = new Set(
  Object.values(contracts).flatMap(({ data }) => namesIn(z.toJSONSchema(data))),
)

/** Names in a JSON schema. Its fields have the metadata of the contract's fields. */
function namesIn(schema: object): string[] {
  return Object.entries(schema).flatMap(([keyword, value]) => {
    if (!isObject(value)) return []
    if (keyword !== 'properties') return namesIn(value)
    return Object.entries(value).flatMap(([name, field]) =>
      field.sensitive ? [name] : namesIn(field),
    )
  })
}

/**
 * JSON pointers (RFC 6901) of the sensitive fields of an event. They are found by name, so that unknown versions are
 * covered too. Anything but a JSON object is entirely sensitive: the result is one empty pointer.
 */
export function sensitivePointers(event: unknown): string[] {
  return isObject(event) && !Array.isArray(event) ? pointersIn(event, '') : ['']
}

function pointersIn(value: object, pointer: string): string[] {
  return Object.entries(value).flatMap(([name, child]) => {
    const path = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!Array.isArray(value) && sensitiveNames.has(name)) return [path]
    return isObject(child) ? pointersIn(child, path) : []
  })
}

/** Stands for a value that is not shown. */
export const hidden = '***'

/** The event with `***` for each sensitive value. */
export function masked(event: unknown): unknown {
  return isObject(event) && !Array.isArray(event) ? maskedIn(event) : hidden
}

function maskedIn(value: object): unknown {
  const inner = (child: unknown): unknown => (isObject(child) ? maskedIn(child) : child)
  if (Array.isArray(value)) return value.map(inner)
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      sensitiveNames.has(name) ? hidden : inner(child),
    ]),
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
