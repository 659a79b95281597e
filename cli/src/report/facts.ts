// The record of an operation as text.
import { columnsOf, headingOf, measuredText, openLines } from '../inspect/measured.ts'
import type { Undo } from '../inspect/undo.ts'
import { oneLine } from '../one-line.ts'
import { alertText } from '../release/move/alerts.ts'
import { idOf, type Operation } from '../release/record.ts'
import type { Side } from '../release/slot.ts'
import { html, type Markup } from './markup.ts'

type Fact = readonly [name: string, value: string | Markup]

/** Who, when, why, how it ended. */
export function factsOf(operation: Operation, env: string, undo: Undo): Markup {
  const { verb, by, reason, startedAt, endedAt, outcome, alerts = [] } = operation
  const facts: Fact[] = [
    ['Operation', `${idOf(operation)}, ${verb} in ${env}`],
    ['Outcome', outcome === 'done' ? outcome : html`<span class="bad">${outcome ?? 'open'}</span>`],
    ['By', oneLine(by)],
    ...(operation.run ? [['Run', linkTo(operation.run)] as const] : []),
    ['Reason', reason ? oneLine(reason) : 'none given'],
    ['Started', `${timeText(startedAt)} UTC`],
    ['Ended', endedAt ? `${timeText(endedAt)} UTC, after ${tookText(operation)}` : 'not ended'],
    ...alerts.map((alert) => ['In spite of', oneLine(alertText(alert))] as const),
    ['To undo', undoText(undo)],
  ]
  const items = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)
  return html`<dl>${items}</dl>`
}

export function errorOf({ error }: Operation): Markup | null {
  return error ? html`<p class="error">${error}</p>` : null
}

/** Only to a page: the URL is what the environment of a run said. */
function linkTo(address: string): Markup {
  const isPage = /^https?:$/.test(URL.parse(address)?.protocol ?? '')
  return isPage
    ? html`<a href="${address}" rel="noreferrer">${address}</a>`
    : html`${oneLine(address)}`
}

function undoText({ command, note }: Undo): Markup {
  const way = command ? html`<code>${command}</code> ` : null
  return html`${way}${note}`
}

/** `2026-01-01 12:00:00` */
export function timeText(time: string): string {
  return time.slice(0, 19).replace('T', ' ')
}

function tookText({ startedAt, endedAt }: Operation): string {
  const ms = Date.parse(endedAt ?? '') - Date.parse(startedAt)
  return `${(ms / 1_000).toFixed(2)} s`
}

/** From where to where, and what was measured meanwhile. */
export function proofOf(operation: Operation): Markup {
  const measured = columnsOf(operation)
  const rows = operation.services.map(({ name, from, to, proof }) => [
    html`${name}`,
    sideOf(from),
    sideOf(to),
    ...measured.map((what) => html`${measuredText(what, proof?.[what] ?? null)}`),
  ])
  const note = measured.includes('endpointsMs')
    ? html`<p class="quiet">HTTP: after the write of the Service, until its endpoints were pods of the new slot only. EVENTS:
until all pods of the new slot consumed.</p>`
    : null
  const open = openLines(operation).map((line) => html`<p>${line}</p>`)
  return html`${tableOf(['SERVICE', 'FROM', 'TO', ...measured.map(headingOf)], rows)}${open}${note}`
}

function sideOf(side: Side | null): Markup {
  return side
    ? html`<b class="${side.color}">${side.color}</b> ${side.version}`
    : html`<span class="quiet">none</span>`
}

/** The images, and what was tested together with them. */
export function imagesOf({ services, combination = {} }: Operation): Markup {
  const sides = services.flatMap(({ name, from, to }) =>
    [from, to].flatMap((side) => (side ? [imageRow(name, html`${sideOf(side)}`, side)] : [])),
  )
  const others = Object.entries(combination)
    .filter(([name]) => !services.some((service) => service.name === name))
    .map(([name, tested]) => imageRow(name, html`tested with`, tested))
  return tableOf(['SERVICE', 'SLOT', 'REVISION', 'DIGEST'], [...sides, ...others])
}

function imageRow(
  name: string,
  slot: Markup,
  { revision, digest }: Pick<Side, 'revision' | 'digest'>,
): Markup[] {
  return [html`${name}`, slot, html`<code>${revision}</code>`, html`<code>${digest}</code>`]
}

export function phaseTable({ phases }: Operation): Markup {
  const rows = phases.map(({ name, startedAt, tookMs }) => [
    html`${name}`,
    html`${startedAt?.slice(11, 23) ?? '-'}`,
    html`${(tookMs / 1_000).toFixed(2)} s`,
  ])
  return tableOf(['PHASE', 'STARTED (UTC)', 'TOOK'], rows)
}

export function tableOf(heading: readonly string[], rows: readonly (readonly Markup[])[]): Markup {
  const head = heading.map((name) => html`<th scope="col">${name}</th>`)
  const body = rows.map((cells) => {
    const row = cells.map((cell) => html`<td>${cell}</td>`)
    return html`<tr>${row}</tr>`
  })
  return html`<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>
${body}
</tbody></table></div>`
}
