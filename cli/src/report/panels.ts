// The panels of a service: which lines each has, and what they come to in numbers. Pure.
import type { Figures, Line, Measure, Point } from '../release/ports/figures.ts'
import type { Color } from '../release/slot.ts'

export interface Curve {
  /** `green p99` */
  label: string
  /** null: of no slot. */
  color: Color | null
  isThin: boolean
  points: readonly Point[]
}

export interface Panel {
  title: string
  about: string
  unit: Unit
  curves: readonly Curve[]
}

type Unit = '/s' | 'ms' | 's' | ''

interface Plan extends Omit<Panel, 'curves'> {
  /** What is drawn, and what its label says besides the color. The second one is thin. */
  lines: readonly (readonly [Measure, string])[]
  /** Of what Prometheus has. */
  times?: number
}

const plans: readonly Plan[] = [
  {
    title: 'Requests',
    about: 'To the live plane, per second.',
    unit: '/s',
    lines: [['requests', '']],
  },
  {
    title: 'Failures',
    about: 'Requests that were answered with 5xx, and messages whose attempt failed, per second.',
    unit: '/s',
    lines: [
      ['failedRequests', 'requests'],
      ['failedAttempts', 'messages'],
    ],
  },
  {
    title: 'Response times',
    about: '99 % of the requests are faster than p99, half of them than p50.',
    unit: 'ms',
    times: 1_000,
    lines: [
      ['requestP99', 'p99'],
      ['requestP50', 'p50'],
    ],
  },
  {
    title: 'Messages handled',
    about: 'In the live plane, per second.',
    unit: '/s',
    lines: [['handled', '']],
  },
  {
    title: 'Queue',
    about: 'Messages that wait in it, and those that were delivered and not acknowledged.',
    unit: '',
    lines: [
      ['queued', 'waiting'],
      ['unacknowledged', 'delivered'],
    ],
  },
  {
    title: 'Age of messages',
    about: 'The oldest that is to be published, and the oldest that waits for another system.',
    unit: 's',
    lines: [
      ['unpublishedAge', 'unpublished'],
      ['waitingAge', 'waits'],
    ],
  },
  {
    title: 'Consumers',
    about: 'Pods that take messages from the live queue.',
    unit: '',
    lines: [['consumers', '']],
  },
  {
    title: 'Epoch of the gate',
    about: 'In which the pods handle messages. Each move makes a new one.',
    unit: '',
    lines: [['epoch', '']],
  },
]

/** Only those of which something is known. */
export function panelsOf(service: string, { lines }: Pick<Figures, 'lines'>): Panel[] {
  return plans.flatMap(({ lines: drawn, times = 1, ...panel }) => {
    const curves = drawn.flatMap(([measure, name], index) =>
      lines[measure]
        .filter((line) => line.service === service)
        .toSorted((one, other) => (one.color ?? '').localeCompare(other.color ?? ''))
        .map((line) => curveOf(line, { name, times, isThin: index > 0 })),
    )
    return curves.length > 0 ? [{ ...panel, curves }] : []
  })
}

function curveOf(
  { color, points }: Line,
  { name, times, isThin }: { name: string; times: number; isThin: boolean },
): Curve {
  return {
    label: [color ?? '', name].filter((word) => word !== '').join(' '),
    color,
    isThin,
    points: points.map(({ at, value }) => ({ at, value: value === null ? null : value * times })),
  }
}

/** null: nothing was measured. */
export interface Sums {
  /** The means, and the highest one in between. */
  before: number | null
  during: number | null
  after: number | null
}

/** `ended`: when the operation can be seen in no rate any more. */
export function sumsOf(
  points: readonly Point[],
  { began, ended }: { began: number; ended: number },
): Sums {
  const known = (isIn: (at: number) => boolean): number[] =>
    points.flatMap(({ at, value }) => (value !== null && isIn(at) ? [value] : []))
  const during = known((at) => at >= began && at <= ended)
  return {
    before: meanOf(known((at) => at < began)),
    during: during.length > 0 ? Math.max(...during) : null,
    after: meanOf(known((at) => at > ended)),
  }
}

function meanOf(values: readonly number[]): number | null {
  if (values.length === 0) return null
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** `30.1/s`, `12.3 ms`, `2`. */
export function amount(value: number, unit: Unit): string {
  const number = value >= 100 ? Math.round(value) : Number(value.toPrecision(3))
  return unit === '/s' || unit === '' ? `${number}${unit}` : `${number} ${unit}`
}
