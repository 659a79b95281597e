// Watches a release after its switch. If it is clearly worse than before, it is rolled back.
import type { Config } from '../../config/schema.ts'
import type { WatchConfig } from '../../config/watch.ts'
import { interrupted, isInterrupted, refused } from '../../errors.ts'
import type { JournalStore } from '../ports/session.ts'
import { type MoveOperation, movesOf, releaseNumber } from '../record.ts'
import { isRefusal } from '../refusal.ts'
import type { GateRecord } from '../watch-record.ts'
import { type ActPorts, act, type End, type Watched, type WayBack } from './act.ts'
import { type Asked, type AskPorts, askSlots } from './ask.ts'
import { breachIn, conclude, shortText } from './conclude.ts'
import { type Diary, openDiary } from './diary.ts'
import {
  beginWatching,
  countOf,
  forgiveAll,
  type LookPorts,
  look,
  verdictsOf,
  type Watching,
} from './look.ts'
import { leftOf, pairsOf, subjectOf } from './subject.ts'
import { gateName, numberText, spanText, textOf } from './words.ts'

export interface WatchPorts extends LookPorts, AskPorts, ActPorts {
  journal: JournalStore
}

export interface WatchInput extends WayBack {
  config: Config
  watch: WatchConfig
  namespaceName: string
  /** r-41. null: the last one. */
  release: string | null
  /** How long. null: for what is left of its time. */
  forMs: number | null
  /** How long where nothing is left to go by. */
  usualMs: number
  /** false: without the probe. */
  probe: boolean
}

const lookMs = 1_000
/** With too few requests, it goes on until then. */
const mostMs = 1_800_000

/** Holds no lock. Refused if that release is not live, or is watched by somebody else. */
export async function watch(ports: WatchPorts, input: WatchInput): Promise<Watched> {
  const { clock, progress } = ports
  const subject = subjectOf(await ports.journal.read(), input.release, clock.now())
  if (isRefusal(subject)) throw refused(subject)
  const left = leftOf(subject, input, clock.now())
  if (isRefusal(left)) throw refused(left)
  const { release } = subject
  const startedAt = clock.now().getTime()
  const diary = await openDiary(ports, subject, new Date(startedAt + left.ms))
  let end: End
  try {
    end = await progress.step(`watch ${release} for ${spanText(left.ms)}`, (say) =>
      follow(ports, input, { operation: subject, diary, startedAt, say }),
    )
  } catch (error) {
    if (!isInterrupted(error)) throw error
    const note = 'its command was interrupted'
    await diary.end('ended', note)
    ports.events.emit('watch.ended', { release, outcome: 'ended', text: note })
    const failure = interrupted(
      `${release} is live, and nobody watches it any more. \`shopctl watch ${release}\` goes on.`,
    )
    return { release, record: diary.record, back: null, failure }
  }
  return act(ports, input, { operation: subject, diary, end })
}

interface Course {
  operation: MoveOperation
  diary: Diary
  /** Milliseconds since 1970. */
  startedAt: number
  say(detail: string): void
}

async function follow(ports: WatchPorts, input: WatchInput, course: Course): Promise<End> {
  const { clock, signal } = ports
  const { operation, diary, startedAt, say } = course
  const { watch: config, probe } = input
  const until = Date.parse(diary.record.until)
  const watchable = { config, operation, probe, mostMs: Math.max(mostMs, until - startedAt) }
  const watching = await beginWatching(ports, watchable)
  const told = createTeller(ports, operation.release)
  let outside: string | null = null
  try {
    for (;;) {
      await clock.sleep(lookMs, signal)
      await look(ports, watching)
      const gates = verdictsOf(watching, config, clock.now().getTime() / 1_000)
      const other = await laterMove(ports.journal, operation)
      if (other !== null) return { outcome: 'ended', note: other, gates }
      told(gates)
      const breach = breachIn(gates)
      if (breach) {
        const cause = await causeOf(ports, input, operation, breach)
        if (!cause.isOutside) return { outcome: 'breached', note: cause.what, gates }
        if (outside === null) tellOutside(ports, operation.release, breach, cause)
        outside = `${textOf(breach)}. Both slots failed: ${cause.what}`
        forgiveAll(watching, clock.now().getTime() / 1_000)
      }
      const now = clock.now().getTime()
      const end = endOf(gates, { now, until, startedAt, outside }, watching, operation)
      if (end) return end
      // There are too few requests. Were it killed now, another command could go on.
      if (now >= until) diary.extend(new Date(startedAt + mostMs))
      await diary.beat(gates)
      say(`${spanText(Math.max(0, until - now))} left, ${numberText(countOf(gates))} requests`)
    }
  } finally {
    await watching.edge?.stop()
  }
}

/** null: it goes on. */
function endOf(
  gates: GateRecord[],
  times: { now: number; until: number; startedAt: number; outside: string | null },
  { edge }: Watching,
  { services }: MoveOperation,
): End | null {
  const { now, until, startedAt, outside } = times
  if (now < until) return null
  const names = services.map(({ name }) => name)
  const found = conclude(gates, names, edge?.service ?? null)
  if (found.kind === 'short' && now < Math.max(until, startedAt + mostMs)) return null
  if (outside !== null) return { outcome: 'outside', note: outside, gates }
  if (found.kind === 'passed') return { outcome: 'passed', note: null, gates }
  const why = found.kind === 'short' ? shortText(gates, found.services) : found.why
  return { outcome: 'inconclusive', note: why, gates }
}

/** Tells once of each gate that cannot be read, and of each breach that is only named. */
function createTeller({ progress }: Pick<WatchPorts, 'progress'>, release: string) {
  const told = new Set<string>()
  return (gates: readonly GateRecord[]): void => {
    for (const gate of gates) {
      const { mode, outcome } = gate
      const isNamed = outcome === 'breach' && mode === 'dry-run'
      const key = `${gateName(gate)} ${outcome}`
      if (told.has(key) || !(isNamed || outcome === 'unread')) continue
      told.add(key)
      const why = isNamed ? 'a breach, and only a dry-run' : 'is not judged for now'
      progress.warn(`${release} goes on, ${why}. ${textOf(gate)}`)
    }
  }
}

/** Who has moved something since. null: nobody, or the journal does not answer. */
async function laterMove(journal: JournalStore, operation: MoveOperation): Promise<string | null> {
  const [own = 0] = releaseNumber(operation.release)
  try {
    if ((await journal.counter()).release <= own) return null
    const later = movesOf(await journal.read()).find(
      ({ release, outcome }) => outcome === 'done' && (releaseNumber(release)[0] ?? 0) > own,
    )
    return later ? `${later.release}, a ${later.verb} by ${later.by}` : null
  } catch (error) {
    if (isInterrupted(error)) throw error
    return null
  }
}

async function causeOf(
  ports: WatchPorts,
  { config, namespaceName }: WatchInput,
  { services }: MoveOperation,
  breach: GateRecord,
) {
  const about = breach.gate === 'probe' ? (ports.probe?.service ?? null) : breach.service
  const pairs = pairsOf(services)
  const concerned = pairs.filter(({ name }) => about === null || name === about)
  ports.progress.warn(`${textOf(breach)}. Both slots are asked.`)
  const asked = concerned.length > 0 ? concerned : pairs
  const cause = await askSlots(ports, { config, namespaceName }, asked)
  if (ports.signal.aborted) throw interrupted()
  return cause
}

function tellOutside(
  { progress, events }: WatchPorts,
  release: string,
  breach: GateRecord,
  { what, printed }: Asked,
): void {
  const text = `${release} is not rolled back, since both slots fail: ${what}. ${textOf(breach)}`
  progress.warn([text, ...printed].join(' '))
  events.emit('watch.breached', { release, cause: 'outside', text })
}
