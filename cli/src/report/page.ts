// The page of one operation: its record, and what was measured around it. It needs no script, and asks no other host.
import type { Undo } from '../inspect/undo.ts'
import type { Figures } from '../release/ports/figures.ts'
import { idOf, type Operation } from '../release/record.ts'
import { errorOf, factsOf, imagesOf, phaseTable, proofOf, tableOf, timeText } from './facts.ts'
import { asMarkup, html, type Markup } from './markup.ts'
import { amount, type Panel, panelsOf, sumsOf } from './panels.ts'
import { drawPanel, drawPhases, type Frame } from './plot.ts'
import { style } from './style.ts'
import { type Covered, endOf, movesBeside, phasesOf } from './times.ts'

export interface Report {
  /** Of shopctl.yaml. */
  system: string
  env: string
  operation: Operation
  undo: Undo
  /** All operations of the environment. */
  others: readonly Operation[]
  covered: Covered
  madeAt: Date
  /** A text says why there are none, and how to get them. */
  figures: Figures | string
}

/** The first line of each page: a file that has it is one of ours. */
export const firstLine = '<!doctype html><!-- shopctl report -->'

const policy = "default-src 'none'; style-src 'unsafe-inline'"

export function reportPage(report: Report): string {
  const { system, env, operation, undo, madeAt, figures } = report
  const title = `${idOf(operation)}: ${operation.verb} in ${env} of ${system}`
  const phases = phasesOf(operation)
  const began = Date.parse(operation.startedAt)
  const page = html`${asMarkup(firstLine)}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
<p class="quiet">Made ${timeText(madeAt.toISOString())} UTC, by shopctl report.</p>
${errorOf(operation)}
${factsOf(operation, env, undo)}
<h2>Proof</h2>
${proofOf(operation)}
<h2>Phases</h2>
${phases.length > 0 ? html`<div class="wide timeline">${drawPhases(phases, began)}</div>` : null}
${phaseTable(operation)}
${typeof figures === 'string' ? withoutFigures(figures) : withFigures(report, figures)}
<h2>Images</h2>
${imagesOf(operation)}
</body>
</html>
`
  return page.markup
}

function withoutFigures(why: string): Markup {
  return html`<h2>Figures</h2>
<p class="no-figures">${why}</p>`
}

function withFigures(report: Report, figures: Figures): Markup {
  const { operation, covered, others, madeAt } = report
  const frame: Frame = {
    from: covered.from.getTime(),
    to: covered.to.getTime(),
    began: Date.parse(operation.startedAt),
    ended: endOf(operation, madeAt),
    phases: phasesOf(operation),
    moves: movesBeside(operation, others, covered),
  }
  const names = operation.services.map(({ name }) => name)
  return html`<h2>Figures</h2>
${aboutFigures(figures, covered)}
${names.map((name) => serviceFigures(name, figures, frame))}`
}

function aboutFigures({ windowMs, stepMs, unanswered }: Figures, covered: Covered): Markup {
  const { from, to, completeAt } = covered
  const span = `${timeText(from.toISOString())} to ${timeText(to.toISOString())}`
  const incomplete = completeAt
    ? html`<p>After ${timeText(completeAt.toISOString())} UTC there is more to show: make the report again then.</p>`
    : null
  const missing =
    unanswered.length > 0
      ? html`<p class="bad">Prometheus did not answer for ${unanswered.join(', ')}.</p>`
      : null
  return html`<p>From Prometheus, ${span} UTC, a point each ${stepMs / 1_000} s. Rates and response times are those of the
${windowMs / 1_000} s before a point: a change that was made at once is drawn as a slope of this length.</p>
<p><b class="blue">blue</b> is solid with circles, <b class="green">green</b> dashed with triangles. The band is the operation;
the numbers above it are its phases, each beginning at a dotted line. A dashed line is another switch or rollback.</p>
${incomplete}${missing}`
}

function serviceFigures(name: string, figures: Figures, frame: Frame): Markup {
  const panels = panelsOf(name, figures)
  const heading = html`<h2 id="${name}">${name}</h2>`
  if (panels.length === 0)
    return html`<section>${heading}<p>Prometheus has no figures of it in this time.</p></section>`
  const drawn = panels.map(
    (panel) => html`<figure><figcaption><h3>${panel.title}</h3><p>${panel.about}</p></figcaption>
${drawPanel(panel, frame)}</figure>`,
  )
  const ended = frame.ended + figures.windowMs
  return html`<section>${heading}
<div class="panels">${drawn}</div>
${sumsTable(panels, { began: frame.began, ended })}
</section>`
}

/** What the curves come to, for those who read or compare. */
function sumsTable(panels: readonly Panel[], span: { began: number; ended: number }): Markup {
  const rows = panels.flatMap(({ title, unit, curves }) =>
    curves.map(({ label, points }) => {
      const { before, during, after } = sumsOf(points, span)
      const values = [before, during, after].map(
        (value) => html`${value === null ? '-' : amount(value, unit)}`,
      )
      return [html`${title}`, html`${label || 'both slots'}`, ...values]
    }),
  )
  return tableOf(['FIGURE', 'OF', 'BEFORE (MEAN)', 'DURING (HIGHEST)', 'AFTER (MEAN)'], rows)
}
