// The messages for Slack, made from the events of a command: at the start, after a switch or rollback, at a failure.
import type { Event, Payload } from '../release/ports/events.ts'
import type { Operation, ServiceRecord } from '../release/record.ts'
import type { Side } from '../release/slot.ts'
import type { ErrorDocument } from './errors.ts'
import { oneLine } from './text.ts'

interface Text {
  type: 'mrkdwn' | 'plain_text'
  text: string
}

/** Block Kit, for an incoming webhook. */
export interface SlackMessage {
  /** For notifications. */
  text: string
  blocks: (
    | { type: 'header'; text: Text }
    | { type: 'section'; text: Text }
    | { type: 'context'; elements: Text[] }
  )[]
}

/** What all messages of a command have in common. */
export interface SlackSubject {
  /** Name of the system. */
  system: string
  env: string
  by: string
  /** The URL of the CI run. */
  run: string | null
}

/** Slack's limits, in characters. */
const mostInHeader = 150
const mostInSection = 3_000
/** More services would not fit in a section. */
const mostServices = 15

/** The commands whose failure is reported. */
const reported = new Set([
  'release',
  'build',
  'push',
  'deploy',
  'smoke',
  'switch',
  'rollback',
  'resume',
  'watch',
])

/** Who builds and pushes images at a terminal reads there how that ended. */
const ofImages = new Set(['build', 'push'])

/** Give it the events of one command, in order. It returns the message for this one, or null. */
export function createSlackMessages(subject: SlackSubject): (event: Event) => SlackMessage | null {
  let begun = false
  /** The release whose watch was ended before its time. */
  let unwatched: string | null = null
  const { system, env, run } = subject
  // The user reads a refusal at the terminal. In a workflow nobody sits there.
  const isReported = (command: string, exitCode: number): boolean =>
    begun ||
    (exitCode === 2 && run !== null) ||
    (exitCode === 1 && (run !== null || !ofImages.has(command)))
  return ({ kind, payload }) => {
    if (kind === 'operation.started') {
      const isFirst = !begun
      begun = true
      const { operation } = payload
      return operation.verb === 'deploy' && isFirst
        ? messageOf(subject, `Deploying ${system} to ${env}`, sidesOf(operation), operation.reason)
        : null
    }
    if (kind === 'operation.ended') return moveMessage(subject, payload.operation)
    if (kind === 'watch.breached') {
      begun = true
      return breachMessage(subject, payload)
    }
    if (kind === 'watch.ended' && payload.outcome === 'ended') unwatched = payload.release
    if (kind !== 'command.ended') return null
    const { command, exitCode, error } = payload
    if (!error || !reported.has(command) || !isReported(command, exitCode)) return null
    return failureOf(subject, command, error, unwatched)
  }
}

function moveMessage(subject: SlackSubject, operation: Operation): SlackMessage | null {
  const { system, env } = subject
  const { verb, release, outcome, reason } = operation
  if (outcome !== 'done' || !(verb === 'switch' || verb === 'rollback')) return null
  const title =
    verb === 'switch'
      ? `${system} ${release} is live in ${env}`
      : `${system} was rolled back in ${env}: ${release}`
  return messageOf(subject, title, movesOf(operation), reason)
}

function breachMessage(
  subject: SlackSubject,
  { release, cause, text }: Payload<'watch.breached'>,
): SlackMessage {
  const { system, env } = subject
  const title =
    cause === 'release'
      ? `${system} ${release} is worse than before in ${env}: it goes back`
      : `${system} in ${env}: both slots fail, so ${release} stays`
  return messageOf(subject, title, [escaped(oneLine(text))], null)
}

function failureOf(
  subject: SlackSubject,
  command: string,
  { code, message, hint }: ErrorDocument,
  unwatched: string | null,
): SlackMessage | null {
  const { system, env } = subject
  // Its messages are there: the breach, and the rollback.
  if (code === 'rolled-back') return null
  const title =
    code === 'interrupted' && unwatched !== null
      ? `${system} ${unwatched} stays live in ${env}, and nobody watches it any more`
      : `${system}: ${command} failed in ${env}`
  // The lines after the first are the output of another program, which may hold secrets.
  const [first = ''] = message.split('\n')
  const lines = [first.replace(/:$/, '.'), ...(hint ? [hint] : [])].map(escaped)
  return messageOf(subject, title, lines, null)
}

function messageOf(
  { by, run }: SlackSubject,
  title: string,
  lines: readonly string[],
  reason: string | null,
): SlackMessage {
  const about = [
    `by ${escaped(by)}`,
    ...(reason ? [escaped(oneLine(reason))] : []),
    ...(run ? [`<${run}|Workflow run>`] : []),
  ]
  const section = cut(lines.join('\n'), mostInSection)
  return {
    text: cut(escaped(title), mostInSection),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(title, mostInHeader) } },
      ...(section ? [{ type: 'section' as const, text: mrkdwn(section) }] : []),
      { type: 'context', elements: about.map((text) => mrkdwn(cut(text, mostInSection))) },
    ],
  }
}

function mrkdwn(text: string): Text {
  return { type: 'mrkdwn', text }
}

function sidesOf({ services }: Operation): string[] {
  return firstOf(services, ({ name, to }) => `• *${name}* ${sideText(to)}`)
}

/** With the proof. */
function movesOf({ services }: Operation): string[] {
  return firstOf(services, ({ name, from, to, proof = {} }) => {
    const { endpointsMs, consumersMs } = proof
    const measured = [
      ...(endpointsMs == null ? [] : [`HTTP ${endpointsMs} ms`]),
      ...(consumersMs == null ? [] : [`EVENTS ${consumersMs} ms`]),
    ]
    return [`• *${name}* ${sideText(from)} → ${sideText(to)}`, ...measured].join(' · ')
  })
}

function firstOf(
  services: readonly ServiceRecord[],
  line: (service: ServiceRecord) => string,
): string[] {
  const more = services.length - mostServices
  return [...services.slice(0, mostServices).map(line), ...(more > 0 ? [`and ${more} more`] : [])]
}

function sideText(side: Side | null): string {
  return side ? escaped(`${side.color} ${side.version}`) : 'nothing'
}

/** Slack's own escapes: what is left is shown as it is, but for *, _, ~ and backticks. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Never in the middle of an escape. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text
  return `${text.slice(0, most - 1).replace(/&[a-z]{0,3}$/, '')}…`
}
