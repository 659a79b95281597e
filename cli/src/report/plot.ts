// Draws with Observable Plot, into SVG as text: the page then needs no script, and prints as it is shown.
import {
  barX,
  dot,
  lineY,
  type Markish,
  type PlotOptions,
  plot,
  rectX,
  ruleX,
  ruleY,
  text,
} from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { Color } from '../release/slot.ts'
import { asMarkup, type Markup } from './markup.ts'
import { amount, type Curve, type Panel } from './panels.ts'
import { apart, type Label, type Phase, phaseLabels, roundTimes } from './times.ts'

/** What all panels have in common. Times in milliseconds since 1970. */
export interface Frame {
  from: number
  to: number
  /** The operation. */
  began: number
  ended: number
  phases: readonly Phase[]
  /** Other switches and rollbacks. */
  moves: readonly Label[]
}

/** The slots differ in hue, dashes, marks and labels: each of these alone tells them apart. */
const styles: Readonly<Record<Color | 'none', { stroke: string; dash: string; symbol: Symbols }>> =
  {
    blue: { stroke: 'var(--blue)', dash: 'none', symbol: 'circle' },
    green: { stroke: 'var(--green)', dash: '6 3', symbol: 'triangle' },
    none: { stroke: 'currentColor', dash: 'none', symbol: 'square' },
  }
type Symbols = 'circle' | 'triangle' | 'square'

const size = { width: 470, height: 190, left: 40, right: 128, top: 30, bottom: 24 }
const fontSize = 10
const lineHeight = 12
const marksPerCurve = 9

export function drawPanel({ title, unit, curves }: Panel, frame: Frame): Markup {
  const highest = highestOf(curves)
  const inner = size.width - size.left - size.right
  const gapMs = ((frame.to - frame.from) / inner) * 3 * lineHeight
  const marks = [
    ruleY([0], { strokeOpacity: 0.4 }),
    ...operationMarks(frame, gapMs),
    ...curves.flatMap((curve, index) => curveMarks(curve, index)),
    ...endLabels(curves, highest, unit),
  ]
  return draw(`${title}: ${curves.map(({ label }) => label || 'both slots').join(', ')}`, {
    width: size.width,
    height: size.height,
    marginLeft: size.left,
    marginRight: size.right,
    marginTop: size.top,
    marginBottom: size.bottom,
    x: {
      type: 'utc',
      domain: [new Date(frame.from), new Date(frame.to)],
      ticks: roundTimes(frame.from, frame.to).map((at) => new Date(at)),
      tickSize: 4,
      tickFormat: timeOf,
      label: null,
    },
    y: {
      domain: [0, highest],
      grid: true,
      ticks: ticksOf(highest, unit),
      tickSize: 0,
      tickFormat: shortest,
      label: null,
    },
    marks,
  })
}

function highestOf(curves: readonly Curve[]): number {
  const values = curves.flatMap(({ points }) => points.flatMap(({ value }) => value ?? []))
  const most = Math.max(0, ...values)
  // An axis of whole numbers reads best, and one of nothing needs an end, too.
  return most === 0 ? 1 : most * 1.05
}

/** At most five round numbers, whole ones where it counts. */
function ticksOf(highest: number, unit: Panel['unit']): number[] {
  const power = 10 ** Math.floor(Math.log10(highest / 4))
  const round = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= highest / 4)
  const step = Math.max(round ?? highest, unit === '' ? 1 : 0)
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, index) => index * step)
}

/** 0.3, not 0.30000000000000004. */
function shortest(value: number): string {
  return String(Number(value.toPrecision(6)))
}

/** In UTC. */
function timeOf(time: Date): string {
  return time.toISOString().slice(11, 16)
}

/** A band for the operation, a line where each phase begins, and a line for each other move. */
function operationMarks({ began, ended, phases, moves }: Frame, gapMs: number): Markish[] {
  const labels = phaseLabels(phases, gapMs)
  const time = ({ at }: Label): Date => new Date(at)
  return [
    rectX([{ began, ended }], {
      x1: () => new Date(began),
      x2: () => new Date(ended),
      fill: 'var(--band)',
      stroke: 'var(--band-edge)',
      className: 'operation',
    }),
    ruleX(phases, {
      x: ({ from }: Phase) => new Date(from),
      stroke: 'currentColor',
      strokeOpacity: 0.5,
      strokeDasharray: '1 2',
      className: 'phases',
    }),
    text(labels, {
      x: time,
      text: 'text',
      frameAnchor: 'top',
      dy: -8,
      fontSize,
      fontWeight: 'bold',
      className: 'phase-numbers',
    }),
    ruleX(moves, { x: time, stroke: 'currentColor', strokeDasharray: '8 4', className: 'moves' }),
    text(apart(moves, 3 * gapMs), {
      x: time,
      text: 'text',
      frameAnchor: 'top',
      dy: -20,
      fontSize,
      className: 'move-names',
    }),
  ]
}

function curveMarks({ label, color, isThin, points }: Curve, index: number): Markish[] {
  const { stroke, dash, symbol } = styles[color ?? 'none']
  const drawn = points.map(({ at, value }) => ({ at: new Date(at), value: value ?? Number.NaN }))
  const every = Math.max(1, Math.floor(drawn.length / marksPerCurve))
  // Curves that lie on each other have their marks at other places.
  const shift = Math.floor((index * every) / 3) % every
  const marked = drawn.filter((_, at) => at % every === shift)
  const name = label.replaceAll(' ', '-') || 'both'
  const shown = { x: 'at', y: 'value', stroke }
  return [
    lineY(drawn, {
      ...shown,
      strokeWidth: isThin ? 1 : 2,
      strokeDasharray: dash,
      className: `line-${name}`,
    }),
    dot(marked, {
      ...shown,
      symbol,
      r: isThin ? 2 : 3.5,
      className: `marks-${name}`,
      fill: isThin ? 'var(--page)' : stroke,
    }),
  ]
}

/** The name of each curve and its last value, beside its end. */
function endLabels(curves: readonly Curve[], highest: number, unit: Panel['unit']): Markish[] {
  const inner = size.height - size.top - size.bottom
  const ends = curves.flatMap(({ label, color, points }) => {
    const last = points.findLast(({ value }) => value !== null)
    const value = last?.value ?? 0
    const words = `${label} ${amount(value, unit)}`.trim()
    return last ? [{ color, words, y: (1 - value / highest) * inner }] : []
  })
  const placed = spread(ends, lineHeight, inner)
  return placed.map(({ color, words, y }) =>
    text([words], {
      frameAnchor: 'top-right',
      textAnchor: 'start',
      dx: 6,
      dy: y,
      fontSize,
      fill: styles[color ?? 'none'].stroke,
      lineAnchor: 'middle',
      className: 'end',
    }),
  )
}

/** Moves what lies closer than `gap` apart, but not below `end`. */
export function spread<T extends { y: number }>(
  items: readonly T[],
  gap: number,
  end: number,
): T[] {
  const sorted = items.toSorted((one, other) => one.y - other.y)
  const placed: T[] = []
  for (const item of sorted) {
    const above = placed.at(-1)
    placed.push({ ...item, y: above ? Math.max(item.y, above.y + gap) : item.y })
  }
  let below = end + gap
  return placed
    .toReversed()
    .map((item) => {
      below = Math.min(item.y, below - gap)
      return { ...item, y: below }
    })
    .toReversed()
}

/** The phases one below the other, in seconds since the operation began. */
export function drawPhases(phases: readonly Phase[], began: number): Markup {
  const seconds = (at: number): number => (at - began) / 1_000
  const rows = phases.map(({ number, name, from, to }) => ({
    row: `${number} ${name}`,
    from: seconds(from),
    to: seconds(to),
    words: `${((to - from) / 1_000).toFixed(2)} s`,
  }))
  const first = Math.min(0, ...rows.map(({ from }) => from))
  const last = Math.max(0.01, ...rows.map(({ to }) => to))
  const end = { x: 'to', y: 'row' }
  return draw('The phases, in seconds since the operation began', {
    width: 2 * size.width,
    height: 50 + 18 * rows.length,
    marginLeft: 150,
    marginRight: 70,
    marginTop: 6,
    marginBottom: 34,
    x: { domain: [first, last], label: 'seconds since the operation began', grid: true },
    y: { type: 'band', domain: rows.map(({ row }) => row), label: null, padding: 0.25 },
    marks: [
      barX(rows, {
        x1: 'from',
        x2: 'to',
        y: 'row',
        fill: 'var(--bar)',
        stroke: 'currentColor',
        className: 'phases',
      }),
      text(rows, { ...end, text: 'words', textAnchor: 'start', dx: 6, fontSize }),
    ],
  })
}

/** `about` is for those who hear the page. */
function draw(about: string, options: PlotOptions): Markup {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const className = 'plot'
  const drawn = plot({ document, className, ...options, ariaLabel: about })
  drawn.setAttribute('role', 'img')
  return asMarkup(drawn.outerHTML)
}
