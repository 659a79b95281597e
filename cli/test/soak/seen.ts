// What is seen of a report in a browser: figures by the places of curves and labels, what overlaps, and contrast.
import type { Tab } from './browser.ts'

/**
 * The value that a curve shows at a time of the day, by the labels of the axes. null: it begins later or has ended. `nth`:
 * in which plot of this title.
 */
export async function seenAt(
  { evaluate }: Tab,
  { title, curve, minute, nth = 0 }: { title: string; curve: string; minute: number; nth?: number },
): Promise<number | null> {
  return evaluate(`(() => {
    const svg = document.querySelectorAll('svg[aria-label^="${title}:"]')[${nth}]
    const middle = (element) => {
      const { x, y, width, height } = element.getBoundingClientRect()
      return { x: x + width / 2, y: y + height / 2 }
    }
    const scale = (axis, read) => {
      const labels = [...svg.querySelectorAll('[aria-label="' + axis + '-axis tick label"] text')]
      const [first, last] = [labels[0], labels.at(-1)]
      const [from, to] = [middle(first)[axis], middle(last)[axis]]
      const [one, other] = [read(first.textContent), read(last.textContent)]
      return {
        value: (pixel) => one + ((pixel - from) / (to - from)) * (other - one),
        pixel: (value) => from + ((value - one) / (other - one)) * (to - from),
      }
    }
    const x = scale('x', (text) => text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0))
    const y = scale('y', Number)
    const path = svg.querySelector('.line-${curve} path')
    const matrix = path.getScreenCTM()
    let [low, high] = [0, path.getTotalLength()]
    const at = (length) => path.getPointAtLength(length).matrixTransform(matrix)
    if (x.pixel(${minute}) < at(low).x - 1 || x.pixel(${minute}) > at(high).x + 1) return null
    // Along a curve, time only grows.
    while (high - low > 0.01) {
      const half = (low + high) / 2
      if (at(half).x < x.pixel(${minute})) low = half
      else high = half
    }
    return y.value(at(low).y)
  })()`)
}

/** Texts of plots that lie on each other or are cut off. */
export function overlaps({ evaluate }: Tab): Promise<string[]> {
  return evaluate(`[...document.querySelectorAll('svg')].flatMap((svg) => {
    const outer = svg.getBoundingClientRect()
    const texts = [...svg.querySelectorAll('text')].map((text) => ({
      text: text.textContent, box: text.getBoundingClientRect() }))
    const cut = texts.filter(({ box }) => box.left < outer.left - 1 || box.right > outer.right + 1
      || box.top < outer.top - 1 || box.bottom > outer.bottom + 1)
    const pairs = texts.flatMap((one, index) => texts.slice(index + 1)
      .filter(({ box }) => box.left < one.box.right + 2 && one.box.left < box.right + 2
        && box.top < one.box.bottom - 2 && one.box.top < box.bottom - 2)
      .map((other) => one.text + ' on ' + other.text))
    return [...cut.map(({ text }) => text + ' is cut'), ...pairs]
  })`)
}

/** Against the page, from 1 to 21: of its text, of what is quiet, and of the curves of both colors. */
export async function contrasts({ evaluate }: Tab): Promise<Record<string, number>> {
  const seen = await evaluate<Record<string, string>>(`(() => {
    const styleOf = (selector) => getComputedStyle(document.querySelector(selector))
    return {
      page: styleOf('body').backgroundColor, text: styleOf('body').color,
      quiet: styleOf('.quiet').color, blue: styleOf('.line-blue').stroke,
      green: styleOf('.line-green').stroke, label: styleOf('.phase-numbers').fill,
    }
  })()`)
  const { page = '', ...others } = seen
  return Object.fromEntries(
    Object.entries(others).map(([name, color]) => {
      const [light = 0, dark = 0] = [lightness(color), lightness(page)].toSorted((a, b) => b - a)
      return [name, (light + 0.05) / (dark + 0.05)]
    }),
  )
}

/** Relative luminance, as WCAG 2 defines it, of `rgb(1, 2, 3)`. */
function lightness(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
