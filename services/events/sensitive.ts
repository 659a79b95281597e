// Which fields of an event are sensitive: personal data and credentials, as the contracts mark them.
import { z } from 'zod'
import * as contracts from './contracts.ts'

/** Names of the fields that any contract marks as sensitive. */
export const sensitiveNames: ReadonlySet<string> = new Set(
  Object.values(contracts).flatMap(({ data }) => namesIn(z.toJSONSchema(data))),
)

/** Of a JSON schema, which contains the metadata of the contract's fields. */
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
 * JSON pointers (RFC 6901) of the sensitive fields of an event, found by their names, so that events of unknown versions
 * are covered too. Of anything but a JSON object, the whole is sensitive: its pointer is empty.
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

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
