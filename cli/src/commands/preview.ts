// The result of --dry-run: the checks of a switch or rollback, and its plan.
import { type Check, type CheckState, refused, type ShopctlError } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { bad, dim, good, warning, wrapped } from '../output/text.ts'
import { refusalsOf } from '../release/checks.ts'
import type { EventRow, NamedColor } from '../release/move/event-matrix.ts'
import type { MovePreview, PlannedMoves } from '../release/move/preview.ts'
import type { MoveVerb } from '../release/slot.ts'
import { sideText } from './moved.ts'

export function previewResult(env: string, verb: MoveVerb, preview: MovePreview): Result {
  const { checks, events, plan } = preview
  const refusals = refusalsOf(checks)
  const [first] = refusals
  const error = first && { code: first.code, message: first.message, hint: first.hint }
  return {
    document: {
      version: 1,
      env,
      verb,
      dryRun: true,
      checks,
      events,
      plan: plan && planDocument(plan),
      ...(error && { error }),
    },
    text: (width) => previewText(verb, preview, width),
    summary: summaryOf(verb, checks),
    tables: plan && plan.moves.length > 0 ? [moveRows(plan)] : [],
    ...(first && { failure: wouldBeRefused(verb, refusals, first) }),
  }
}

function summaryOf(verb: MoveVerb, checks: readonly Check[]): string {
  const { length } = refusalsOf(checks)
  return length > 0
    ? `${verb} would be refused: ${length} of ${checks.length} checks`
    : `${verb} would go on: ${checks.length} checks, none refuses it`
}

function wouldBeRefused(verb: MoveVerb, all: readonly Check[], { code }: Check): ShopctlError {
  return refused({
    code: code ?? 'refused',
    message: `\`shopctl ${verb}\` would be refused: ${all.map(({ name }) => name).join(', ')}.`,
    hint: 'Nothing was changed. The list says what to do about each.',
  })
}

function planDocument({ moves, ...rest }: PlannedMoves): object {
  return { services: moves, ...rest }
}

const marks: Record<CheckState, string> = {
  passed: good('✓'),
  warning: warning('!'),
  refused: bad('✗'),
  skipped: dim('-'),
  unknown: warning('?'),
}

function previewText(verb: MoveVerb, { checks, events, plan }: MovePreview, width: number): string {
  const room = Math.max(...checks.map(({ name }) => name.length))
  const parts = [
    checks.map((each) => checkText(each, room, width)).join('\n'),
    ...(events.length > 0 ? [table(eventRows(events), width)] : []),
    ...(plan ? [planText(verb, plan, width)] : []),
  ]
  return parts.join('\n\n')
}

function checkText({ name, state, message, hint }: Check, room: number, width: number): string {
  const indent = ' '.repeat(room + 4)
  const texts = [message, ...(hint ? [hint] : [])]
  const lines = texts.map((text) => wrapped(`${indent}${text}`, width)).join('\n')
  return `${marks[state]} ${name.padEnd(room)}  ${lines.trimStart()}`
}

/** `order blue, green; payment blue` */
function colorsText(all: readonly NamedColor[]): string {
  const services = [...new Set(all.map(({ service }) => service))]
  const texts = services.map((name) => {
    const own = all.filter(({ service }) => service === name)
    return `${name} ${own.map(({ color }) => color).join(', ')}`
  })
  return texts.join('; ') || '-'
}

function eventRows(events: readonly EventRow[]): string[][] {
  const rows = events.map(({ type, producedBy, acceptedBy, unreadBy }) => [
    type,
    ...[producedBy, acceptedBy, unreadBy].map(colorsText),
  ])
  return [['EVENT', 'PRODUCED BY', 'READ BY', 'NOT READ BY'], ...rows]
}

function moveRows({ moves }: PlannedMoves): string[][] {
  const rows = moves.map(({ name, from, to, pods }) => [
    name,
    sideText(from),
    sideText(to),
    [pods.from, pods.to].map((count) => count ?? '-').join(' → '),
  ])
  return [['SERVICE', 'FROM', 'TO', 'PODS'], ...rows]
}

function planText(verb: MoveVerb, plan: PlannedMoves, width: number): string {
  const lines = [
    ...plan.again.map(({ name, side }) => `${name} ${sideText(side)} is deployed again first.`),
    ...plan.stays,
    ...plan.scales.flatMap(({ service, color, replicas, min }) => [
      ...(replicas === null ? [] : [`${service} ${color} gets ${replicas} pods afterwards.`]),
      ...(min === null
        ? []
        : [`The autoscaler of ${service} ${color} keeps at least ${min} pods.`]),
    ]),
    ...plan.restarts.map((name) => `The old slot of ${name} is restarted afterwards.`),
    ...plan.hooks,
    `Nothing was changed. \`shopctl ${verb}\` would do this.`,
  ]
  const moves = plan.moves.length > 0 ? [table(moveRows(plan), width)] : []
  return [...moves, ...lines.map((line) => wrapped(line, width))].join('\n')
}
