// shopctl logs
import { checkServices } from '../config/parse.ts'
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import type { Line } from '../inspect/log-lines.ts'
import { followLogs, type LogPorts, leftOff, readLogs } from '../inspect/logs.ts'
import { printLine, type Result } from '../output/result.ts'
import { bad, dim, inColor, oneLine, warning } from '../output/text.ts'
import type { LogQuery } from '../release/ports/logs.ts'
import type { Color } from '../release/slot.ts'

export interface LogsInput {
  /** null: all. */
  service: string | null
  color: Color | null
  /** null: without --order the latest minutes, with it all. */
  sinceMs: number | null
  grep: string | null
  order: string | null
  limit: number
  follow: boolean
  json: boolean
}

const defaultMs = 600_000

/** null: it has printed the lines itself. */
export async function logsCommand(context: Context, input: LogsInput): Promise<Result | null> {
  const { config, env, clock, signal, progress } = context
  const { service, color, grep, order, limit, follow, json } = input
  if (service !== null) checkServices(config, [service])
  if (follow && json) throw notBoth()
  const services = service === null ? Object.keys(config.services) : [service]
  const sinceMs = input.sinceMs ?? (order === null ? defaultMs : null)
  const since = sinceMs === null ? null : new Date(clock.now().getTime() - sinceMs)
  const query: LogQuery = { services, color, since, text: grep, word: order, limit }
  const { openLogStore, podLogs } = await context.cluster()
  const ports: LogPorts = {
    logStore: await openLogStore(),
    podLogs,
    clock,
    signal,
    warn: progress.warn,
  }
  const widths = { service: Math.max(...services.map((name) => name.length)) }
  if (follow) {
    const pods = createPods()
    return followLogs(ports, query, (line) => {
      pods.add(line)
      printLine(lineText(line, { ...widths, pod: pods.width() }))
    })
  }
  const { lines, more, from } = await readLogs(ports, query)
  if (more) progress.warn(leftOff(limit))
  return {
    document: { version: 1, env, from, more, lines },
    text: () => linesText(lines, widths),
    summary: `${lines.length} lines`,
    isPrivate: true,
  }
}

function notBoth(): Error {
  return refused({
    code: 'bad-usage',
    message: '--json prints one document, and --follow has no end.',
    hint: 'Leave out one of them.',
  })
}

interface Widths {
  service: number
  /** 0: the pods are not shown. */
  pod?: number
}

/** Of a pod's name what tells it from others of its slot: `7xk2p`. */
function podOf({ pod }: Line): string {
  return pod.slice(pod.lastIndexOf('-') + 1)
}

/** The pods of the lines. Only where a slot has several, they take a column. */
function createPods(): { add(line: Line): void; width(): number } {
  const bySlot = new Map<string, Set<string>>()
  let widest = 0
  let isNeeded = false
  return {
    add(line) {
      const slot = `${line.service} ${line.color}`
      const pods = bySlot.get(slot) ?? new Set()
      bySlot.set(slot, pods.add(line.pod))
      isNeeded ||= pods.size > 1
      widest = Math.max(widest, podOf(line).length)
    },
    width: () => (isNeeded ? widest : 0),
  }
}

export function linesText(lines: readonly Line[], widths: Widths): string {
  if (lines.length === 0) return 'There are no such lines.'
  const pods = createPods()
  lines.forEach(pods.add)
  const all = { ...widths, pod: pods.width() }
  return lines.map((line) => lineText(line, all)).join('\n')
}

/** `green  order  7xk2p  2026-11-26 12:00:00.000Z  info   event settled type=order.placed` */
export function lineText(line: Line, { service: wide, pod = 0 }: Widths): string {
  const { color, service, time, level, message, fields } = line
  const columns = [
    inColor(color, (color ?? '-').padEnd(5)),
    service.padEnd(wide),
    ...(pod > 0 ? [dim(oneLine(podOf(line)).padEnd(pod))] : []),
    dim(timeText(time)),
    levelText(level),
    oneLine(message),
  ]
  const rest = Object.entries(fields).map(([name, value]) =>
    dim(`${oneLine(name)}=${valueText(value)}`),
  )
  return [columns.join('  '), ...rest].join(' ').trimEnd()
}

/** In UTC. */
function timeText(time: string): string {
  const text = oneLine(time.slice(0, 23)).replace('T', ' ')
  return text === '' ? text.padEnd(24) : `${text}Z`
}

const loud: Readonly<Record<string, (text: string) => string>> = {
  warn: warning,
  error: bad,
  fatal: bad,
}

function levelText(level: string | null): string {
  const text = oneLine(level ?? '').padEnd(5)
  const paint = loud[level ?? '']
  return paint ? paint(text) : text
}

/** Of an error its message: --json has its stack. */
function valueText(value: unknown): string {
  if (typeof value === 'string') return oneLine(value)
  const { message } = (value ?? {}) as { message?: unknown }
  return oneLine(typeof message === 'string' ? message : JSON.stringify(value))
}
