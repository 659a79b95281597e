// Who can read whose events, of what is live and of what a switch makes live; pure.

import type { Check } from '../../errors.ts'
import type { ImageEvents, Produced } from '../build/events.ts'
import { byCodeUnits } from '../canonical.ts'
import { passed, refusedBy, skipped, unknown, warned } from '../checks.ts'
import { refuse } from '../refusal.ts'
import type { Color, Slot } from '../slot.ts'

/** A slot that is live, or that the switch makes live. */
export interface Party {
  service: string
  slot: Slot
  /** Whether the switch makes it live. */
  isNext: boolean
  /** A text: why it is not known. */
  events: ImageEvents | string
}

interface Known extends Party {
  events: ImageEvents
}

export interface NamedColor {
  service: string
  color: Color
}

export interface EventRow {
  type: string
  producedBy: NamedColor[]
  acceptedBy: NamedColor[]
  /** Slots that accept only other versions of the event. */
  unreadBy: NamedColor[]
}

const versionEnd = /\.v\d+$/

/** `order.placed` of `order.placed.v2`. */
function nameOf(type: string): string {
  return type.replace(versionEnd, '')
}

/** The types that a slot with these settings produces. */
export function producedTypes(
  produces: readonly Produced[],
  settings: Readonly<Record<string, string>>,
): string[] {
  const chosen = produces.filter(
    ({ onlyWith }) => onlyWith && settings[onlyWith.name] === onlyWith.value,
  )
  const names = new Set(chosen.map(({ type }) => nameOf(type)))
  const others = produces.filter(({ type, onlyWith }) => !onlyWith && !names.has(nameOf(type)))
  return [...chosen, ...others].map(({ type }) => type)
}

function typesOf({ events, slot }: Known): string[] {
  return producedTypes(events.produces, slot.settings)
}

/** Whether it consumes the event, but not in this version. */
function cannotRead({ events: { accepts } }: Known, type: string): boolean {
  return !accepts.includes(type) && accepts.some((each) => nameOf(each) === nameOf(type))
}

function isKnown(party: Party): party is Known {
  return typeof party.events !== 'string'
}

function colorOf({ service, slot }: Party): NamedColor {
  return { service, color: slot.color }
}

function named({ service, slot }: Party): string {
  return `${service} ${slot.color}`
}

/** One row per type that any of them produces. */
export function eventMatrix(parties: readonly Party[]): EventRow[] {
  const known = parties.filter(isKnown)
  const types = [...new Set(known.flatMap(typesOf))].toSorted(byCodeUnits)
  return types.map((type) => ({
    type,
    producedBy: known.filter((each) => typesOf(each).includes(type)).map(colorOf),
    acceptedBy: known.filter(({ events }) => events.accepts.includes(type)).map(colorOf),
    unreadBy: known.filter((each) => cannotRead(each, type)).map(colorOf),
  }))
}

interface Unread {
  type: string
  producer: Known
  consumer: Known
}

/** What is live already reads its own events or not: that is no matter of this switch. */
function findUnread(known: readonly Known[]): Unread[] {
  return known.flatMap((producer) =>
    typesOf(producer).flatMap((type) =>
      known
        .filter((each) => (each.isNext || producer.isNext) && cannotRead(each, type))
        .map((consumer) => ({ type, producer, consumer })),
    ),
  )
}

/** Events that the live slot of a service consumes in some version, that somebody produces, and its next one does not. */
function findDropped(known: readonly Known[]): string[] {
  const produced = new Set(known.flatMap(typesOf))
  return known
    .filter(({ isNext }) => isNext)
    .flatMap((next) => {
      const live = known.find(({ service, isNext }) => service === next.service && !isNext)
      const names = new Set(next.events.accepts.map(nameOf))
      const gone = live?.events.accepts.filter(
        (type) => produced.has(type) && !names.has(nameOf(type)),
      )
      return (gone ?? []).map((type) => `${named(next)} no longer reads ${type}`)
    })
}

/** A message has room for so many. */
const shown = 3

function listed(lines: readonly string[]): string {
  const more = lines.length > shown ? `; and ${lines.length - shown} more` : ''
  return `${lines.slice(0, shown).join('; ')}${more}`
}

/** Both ways: what the old slots have sent and may send again, and what the new ones send. */
export function eventsCheck(parties: readonly Party[]): Check {
  const name = 'events'
  const known = parties.filter(isKnown)
  if (parties.length === 0) return skipped(name, 'no service of shopctl.yaml has `build.events`')
  const unread = findUnread(known)
  const [first] = unread
  if (first) return refusedBy(name, unreadable(first, unread))
  const dropped = findDropped(known)
  if (dropped.length > 0)
    return warned(name, listed(dropped), 'Messages of it that still wait will be parked.')
  const why = reasons(parties)
  if (why.length > 0) return unknown(name, listed(why))
  const { length } = eventMatrix(parties)
  return passed(name, `${length} types of events, each read by all that consume it`)
}

/** Why nothing is known of some, each reason once. */
function reasons(parties: readonly Party[]): string[] {
  const byReason = new Map<string, string[]>()
  for (const party of parties) {
    if (typeof party.events !== 'string') continue
    byReason.set(party.events, [...(byReason.get(party.events) ?? []), named(party)])
  }
  return [...byReason].map(([why, names]) => `${names.join(', ')}: ${why}`)
}

function unreadable({ type, producer, consumer }: Unread, all: readonly Unread[]) {
  const { service } = consumer
  const lines = all.map(
    (each) => `${named(each.consumer)} cannot read ${each.type} of ${named(each.producer)}`,
  )
  return refuse(
    'events-unreadable',
    `Events could not be read: ${listed(lines)}.`,
    producer.isNext
      ? `First release a version of ${service} that reads ${type}, with \`shopctl release --service ${service}\`.`
      : `Let ${service} read ${type} until no live slot produces it, then run \`shopctl release --service ${service}\`.`,
  )
}
