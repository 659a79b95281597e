// Reads figures back out of the plots of a page, as somebody with a ruler would: by the labels of the axes.
import { parseHTML } from 'linkedom'

/** What the tests need of linkedom's, whose types want those of a browser. */
export interface Element {
  textContent: string | null
  innerHTML: string
  outerHTML: string
  getAttribute(name: string): string | null
  querySelector(selector: string): Element | null
  querySelectorAll(selector: string): Iterable<Element> & { length: number }
}

export function parsed(page: string): Element {
  return parseHTML(page).document
}

/** The plot whose description begins so. `nth`: of which service. */
export function plotOf(page: Element, title: string, nth = 0): Element {
  const plots = [...page.querySelectorAll('svg')]
  const found = plots.filter((svg) => svg.getAttribute('aria-label')?.startsWith(`${title}:`))
  const svg = found[nth]
  if (!svg) throw new Error(`no plot ${title}`)
  return svg
}

export function textsOf(within: Element, selector: string): string[] {
  return [...within.querySelectorAll(`${selector} text`)].map(
    ({ textContent }) => textContent ?? '',
  )
}

/** [pixel, value] of the labels of an axis. */
function ticksOf(svg: Element, axis: 'x' | 'y'): [number, number][] {
  const labels = [...svg.querySelectorAll(`[aria-label="${axis}-axis tick label"] text`)]
  return labels.map((label) => {
    const [, x = '', y = ''] =
      /translate\(([\d.]+),([\d.]+)\)/.exec(label.getAttribute('transform') ?? '') ?? []
    const text = label.textContent ?? ''
    const [hours = '', minutes = ''] = text.split(':')
    const value = axis === 'y' ? Number(text) : Number(hours) * 60 + Number(minutes)
    return [Number(axis === 'x' ? x : y), value]
  })
}

function scaleOf(svg: Element, axis: 'x' | 'y'): (pixel: number) => number {
  const ticks = ticksOf(svg, axis)
  const [first, last] = [ticks[0], ticks.at(-1)]
  if (!first || !last || first === last) throw new Error(`the ${axis} axis has no two labels`)
  return (pixel) => first[1] + ((pixel - first[0]) / (last[0] - first[0])) * (last[1] - first[1])
}

export interface Read {
  /** Minutes of the day. */
  minute: number
  value: number
}

/** The points of one curve. A gap begins a new part. */
export function curveOf(svg: Element, name: string): Read[][] {
  const path = svg.querySelector(`.line-${name} path`)?.getAttribute('d')
  if (path === undefined || path === null) throw new Error(`no curve ${name}`)
  const [minuteAt, valueAt] = [scaleOf(svg, 'x'), scaleOf(svg, 'y')]
  return path
    .split('M')
    .filter((part) => part !== '')
    .map((part) =>
      part
        .replace('Z', '')
        .split('L')
        .map((pair) => {
          const [x = '', y = ''] = pair.split(',')
          return { minute: minuteAt(Number(x)), value: valueAt(Number(y)) }
        }),
    )
}

/** The value of a curve at a minute of the day. */
export function valueAt(svg: Element, name: string, minute: number): number {
  const near = curveOf(svg, name)
    .flat()
    .toSorted((one, other) => Math.abs(one.minute - minute) - Math.abs(other.minute - minute))[0]
  if (!near || Math.abs(near.minute - minute) > 0.1) throw new Error(`nothing at ${minute}`)
  return near.value
}
