// The events that a service produces and accepts, read from its code. They become labels of its image.
import { readFile } from 'node:fs/promises'
import * as contracts from './events/contracts.ts'
import type { Contract } from './events/envelope.ts'

export interface EventList {
  /** Types. With `@SETTING=value`: only where the service has this setting. */
  produces: string[]
  accepts: string[]
}

const here = new URL('./', import.meta.url)

/** `sources` are the files of its program, as URLs. */
export async function eventList(service: string, sources: readonly URL[]): Promise<EventList> {
  const texts = await Promise.all(sources.map((file) => readFile(file, 'utf8')))
  const imported = new Set(texts.flatMap(importedNames))
  const own = Object.entries<Contract<unknown>>(contracts).filter(
    ([name, { source }]) => imported.has(name) && source === `/${service}`,
  )
  const produces = own.map(([, { type, onlyWith }]) => (onlyWith ? `${type}@${onlyWith}` : type))
  const accepts = await acceptedBy(service)
  return { produces: produces.toSorted(byCodeUnits), accepts: accepts.toSorted(byCodeUnits) }
}

function byCodeUnits(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

/** The contracts that a file imports. A service imports one of its own for nothing but to publish it. */
function importedNames(text: string): string[] {
  const found = [...text.matchAll(/import \{([^}]*)\} from '@shop\/events\/contracts'/g)]
  if (found.length !== text.split("'@shop/events/contracts'").length - 1)
    throw new Error('contracts are imported by their names only')
  return found.flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
}

async function acceptedBy(service: string): Promise<string[]> {
  const { subscriptions } = (await import(new URL(`${service}/handlers.ts`, here).href)) as {
    // Handlers keep what they get, and use it for events alone.
    subscriptions: (...unused: object[]) => { type: string }[]
  }
  return subscriptions({}, {}).map(({ type }) => type)
}
