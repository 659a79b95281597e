// The messages of commits in the config repo, written and read; pure.
import { oneLine } from '../../one-line.ts'
import type { Color } from '../../release/slot.ts'

/** What a commit does. */
export interface Deed {
  /** The command: `deploy`, `switch`, `rollback`, `cleanup`. It begins the subject. */
  operation: string
  slots?: readonly { service: string; color: Color; version: string }[]
  /** Of the stable Services. null: no slot. */
  moves?: readonly { service: string; from: Color | null; to: Color | null }[]
  removed?: readonly { service: string; color: Color }[]
}

/** Who made a commit, and why. null: unknown, or none. */
export interface Origin {
  /** `r-41` or `op-12`. */
  release: string | null
  /** `me@laptop` */
  by: string | null
  /** URL of the run of CI. */
  run: string | null
  reason: string | null
}

export interface Note extends Origin {
  operation: string | null
}

const longest = 72
const longestReason = 200

/** Subject, a line for each slot if the subject only counts them, and the trailers. */
export function messageOf(deed: Deed, origin: Origin): string {
  const parts = partsOf(deed)
  const operation = oneLine(deed.operation)
  const list = parts.subject.join(', ')
  const whole = list === '' ? operation : `${operation}: ${list}`
  const isShort = [...whole].length <= longest
  const subject = isShort ? whole : `${operation}: ${parts.count}`
  const body = isShort ? [] : [parts.lines.map((line) => `- ${line}`).join('\n')]
  return `${[subject, ...body, trailersOf(operation, origin)].join('\n\n')}\n`
}

interface Parts {
  /** `order green 1.2.3` */
  subject: string[]
  /** The same with one service in each line. */
  lines: string[]
  /** `4 slots` */
  count: string
}

function partsOf({ slots = [], moves = [], removed = [] }: Deed): Parts {
  const written = slots.map(({ service, color, version }) =>
    oneLine(`${service} ${color} ${version}`),
  )
  const gone = removed.map(({ service, color }) => `${service} ${color} removed`)
  const groups = new Map<string, string[]>()
  for (const { service, from, to } of moves) {
    const way = `${from ?? 'none'} → ${to ?? 'none'}`
    groups.set(way, [...(groups.get(way) ?? []), service])
  }
  const moved = [...groups].map(([way, services]) => `${services.join(', ')} ${way}`)
  const count = slots.length + removed.length
  const counts = [
    ...(count > 0 ? [counted(count, 'slot')] : []),
    ...(moves.length > 0 ? [counted(moves.length, 'service')] : []),
  ]
  const each = [...groups].flatMap(([way, services]) => services.map((name) => `${name} ${way}`))
  return {
    subject: [...written, ...moved, ...gone],
    lines: [...written, ...each, ...gone],
    count: counts.join(', '),
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Each of one line, so that no reason can add another one. */
function trailersOf(operation: string, { release, by, run, reason }: Origin): string {
  const trailers = [
    ['Release', release],
    ['Operation', operation],
    ['By', by],
    ['Run', run],
    ['Reason', shortened(oneLine(reason ?? ''))],
  ] as const
  return trailers
    .map(([name, value]) => [name, oneLine(value ?? '')])
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `Shopctl-${name}: ${value}`)
    .join('\n')
}

function shortened(reason: string): string {
  const letters = [...reason]
  return letters.length > longestReason ? `${letters.slice(0, longestReason).join('')}…` : reason
}

/** null: shopctl did not write this message. */
export function noteOf(message: string): Note | null {
  const last =
    message
      .trim()
      .split(/\n[^\S\n]*\n/)
      .at(-1) ?? ''
  const trailers = new Map<string, string>()
  for (const line of last.split('\n')) {
    const [, name, value = ''] = /^Shopctl-(\w+):(.*)$/.exec(line) ?? []
    if (name !== undefined && !trailers.has(name)) trailers.set(name, value.trim())
  }
  if (trailers.size === 0) return null
  const get = (name: string): string | null => trailers.get(name) ?? null
  return {
    release: get('Release'),
    operation: get('Operation'),
    by: get('By'),
    run: get('Run'),
    reason: get('Reason'),
  }
}
