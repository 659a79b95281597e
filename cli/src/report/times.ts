// The time of a report: what it covers, and what is marked in it. Pure.
import type { Span } from '../release/ports/figures.ts'
import { idOf, isMove, type Operation } from '../release/record.ts'

const beforeMs = 5 * 60_000
const afterMs = 10 * 60_000

export interface Covered extends Span {
  /** When all of it can be covered. null: it is. */
  completeAt: Date | null
}

/** From five minutes before the operation to ten after it, as far as that time has come. */
export function coveredBy(operation: Operation, now: Date): Covered {
  const last = new Date(endOf(operation, now) + afterMs)
  const isOver = last <= now
  return {
    from: new Date(Date.parse(operation.startedAt) - beforeMs),
    to: isOver ? last : now,
    completeAt: isOver ? null : last,
  }
}

/** In milliseconds since 1970. Of an open one: now. */
export function endOf({ startedAt, endedAt }: Operation, now: Date): number {
  return Math.max(Date.parse(startedAt), endedAt === null ? now.getTime() : Date.parse(endedAt))
}

/** Times in milliseconds since 1970. */
export interface Phase {
  /** From 1 on, in the order in which they began. */
  number: number
  name: string
  from: number
  to: number
}

/** Those whose time is known. */
export function phasesOf({ phases }: Operation): Phase[] {
  return phases
    .flatMap(({ name, startedAt, tookMs }) => {
      const from = Date.parse(startedAt ?? '')
      return Number.isFinite(from) ? [{ name, from, to: from + tookMs }] : []
    })
    .toSorted((one, other) => one.from - other.from)
    .map((phase, index) => ({ ...phase, number: index + 1 }))
}

export interface Label {
  at: number
  text: string
}

/** `3`, or `1-4` for those that begin within `gapMs`. */
export function phaseLabels(phases: readonly Phase[], gapMs: number): Label[] {
  const groups: Phase[][] = []
  for (const phase of phases) {
    const group = groups.at(-1)
    const before = group?.at(-1)
    if (group && before && phase.from - before.from < gapMs) group.push(phase)
    else groups.push([phase])
  }
  return groups.map((group) => {
    const numbers = [group[0], group.at(-1)].flatMap((phase) => phase?.number ?? [])
    return { at: group[0]?.from ?? 0, text: [...new Set(numbers)].join('–') }
  })
}

/** The other switches and rollbacks that began in this time. */
export function movesBeside(
  operation: Operation,
  all: readonly Operation[],
  { from, to }: Span,
): Label[] {
  return all
    .filter((other) => isMove(other) && idOf(other) !== idOf(operation))
    .map((other) => ({ at: Date.parse(other.startedAt), text: `${idOf(other)} ${other.verb}` }))
    .filter(({ at }) => at >= from.getTime() && at <= to.getTime())
}

/** Where labels would lie on each other, the first one stands for all. */
export function apart(labels: readonly Label[], gapMs: number): Label[] {
  const kept: Label[] = []
  for (const label of labels.toSorted((one, other) => one.at - other.at)) {
    const before = kept.at(-1)
    if (!before || label.at - before.at >= gapMs) kept.push(label)
    else kept[kept.length - 1] = { ...before, text: `${before.text.replace(/, …$/, '')}, …` }
  }
  return kept
}

const minuteMs = 60_000
const roundSteps = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1_440].map((each) => each * minuteMs)

/** At most six round times. */
export function roundTimes(from: number, to: number): number[] {
  const most = 6
  const step = roundSteps.find((each) => (to - from) / each < most) ?? (to - from) / most
  const first = Math.ceil(from / step) * step
  return Array.from(
    { length: Math.floor((to - first) / step) + 1 },
    (_, index) => first + index * step,
  )
}
