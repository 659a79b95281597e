// Words that findings share: ages, commands, and the last lines of a log. Pure.
import { withoutLogins } from '../../release/last-lines.ts'
import type { Complaint } from '../../release/ports/cluster.ts'
import { lineOf } from '../log-lines.ts'
import type { ContainerLog, Facts } from './facts.ts'

/** The environment that commands take without --env. */
const usual = 'local'

/** In backticks, for this environment: it is for pasting. */
export function shopctl({ env }: Pick<Facts, 'env'>, words: string): string {
  return env === usual ? `\`shopctl ${words}\`` : `\`shopctl ${words} --env ${env}\``
}

export function kubectl({ namespace }: Pick<Facts, 'namespace'>, words: string): string {
  return `\`kubectl --namespace ${namespace} ${words}\``
}

/** `20 s ago`. '': unknown. */
export function ago({ now }: Pick<Facts, 'now'>, at: string | null | undefined): string {
  const ms = now - Date.parse(at ?? '')
  return Number.isNaN(ms) ? '' : `${spanText(Math.max(0, ms))} ago`
}

function spanText(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800
    ? `${Math.floor(seconds / 3_600)} h`
    : `${Math.floor(seconds / 86_400)} d`
}

const longest = 600
/** A container runtime repeats the name of an image before it says what is wrong with it. */
const wholeDigest = /sha256:([0-9a-f]{12})[0-9a-f]{52}/g

/** Foreign text in one line, without logins, and not longer than anybody reads. */
export function shown(text: string): string {
  const short = withoutLogins(text).replaceAll(wholeDigest, 'sha256:$1…')
  const line = short.replaceAll(/\s+/g, ' ').trim()
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

/** `ImagePullBackOff, 20 s ago: Back-off pulling image` */
export function complaintText(
  facts: Pick<Facts, 'now'>,
  { reason, message, at }: Complaint,
): string {
  const head = [reason, ago(facts, at)].filter((each) => each !== '').join(', ')
  const words = shown(message)
  return words === '' ? head : `${head}: ${words}`
}

/** Empty where the container wrote nothing. */
export function logEvidence(log: ContainerLog | undefined): string[] {
  const lines = logLines((log?.text ?? '').split('\n'))
  const shownLines = lines.map((line) => `  ${line}`)
  return log && lines.length > 0
    ? [[`the last lines of ${log.pod}:`, ...shownLines].join('\n')]
    : []
}

export function logLines(lines: readonly string[]): string[] {
  return lines.filter((line) => line.trim() !== '').map(logLine)
}

/** A line of JSON as its message and what else it says. */
function logLine(text: string): string {
  const raw = { time: '', service: '', color: null, pod: '', text, place: null }
  const { level, message, fields } = lineOf(raw)
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`)
  return shown([level, message, ...rest].filter((each) => each !== null).join(' '))
}

/** Of an error its message: `shopctl logs` has its stack. */
function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  const { message } = (value ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : JSON.stringify(value)
}
