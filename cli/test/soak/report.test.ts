// The page of a report in a real browser: `apt-get install chromium`. Its figures are made up; `npm run bench -- report` has
// those of a switch.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { reportPage } from '../../src/report/page.ts'
import { aReport, operation } from '../report/scene.ts'
import { inBrowser, type Look, type Tab } from './browser.ts'
import { contrasts, overlaps, seenAt } from './seen.ts'

const folder = mkdtempSync(join(tmpdir(), 'report-'))
afterAll(() => rmSync(folder, { recursive: true }))

function opened<T>(use: (tab: Tab) => Promise<T>, over: Parameters<typeof aReport>[0] = {}) {
  const file = join(folder, 'r-41.html')
  writeFileSync(file, reportPage(aReport(over)))
  return inBrowser(file, use)
}

const noon = 12 * 60

it('shows the figures', () =>
  opened(async (tab) => {
    await tab.show({})
    const seen = (title: string, curve: string, minute: number) =>
      seenAt(tab, { title, curve, minute: noon + minute })
    expect(await seen('Requests', 'blue', -3)).toBeCloseTo(30, -1)
    expect(await seen('Requests', 'blue', 3)).toBeCloseTo(0, 0)
    expect(await seen('Requests', 'green', 3)).toBeCloseTo(30, -1)
    expect(await seen('Failures', 'green-requests', 8)).toBeCloseTo(0.25, 2)
    expect(await seen('Queue', 'waiting', 0.25)).toBeCloseTo(37, -1)
    expect(await seen('Consumers', 'green', 3)).toBeCloseTo(2, 1)
    expect(await seen('Epoch of the gate', 'green', 3)).toBeCloseTo(8, 1)
  }))

it('asks for nothing but itself, and the browser complains of nothing', () =>
  opened(async (tab) => {
    const file = pathToFileURL(join(folder, 'r-41.html')).href
    expect(tab.requests).toEqual([file])
    expect(tab.complaints).toEqual([])
  }))

it('runs nothing of a hostile record', () =>
  opened(
    async (tab) => {
      expect(await tab.evaluate('document.title')).toContain('r-41')
      expect(await tab.evaluate('window.hurt ?? null')).toBeNull()
      expect(tab.requests).toHaveLength(1)
    },
    {
      operation: {
        ...operation,
        reason: '<script>hurt = 1</script><img src="http://127.0.0.1:1/" onerror="hurt = 1">',
        phases: operation.phases.map((phase) => ({
          ...phase,
          name: '</text><script>hurt=1</script>',
        })),
      },
    },
  ))

const looks: [string, Look][] = [
  ['by day', {}],
  ['in dark mode', { scheme: 'dark' }],
  ['on paper', { media: 'print' }],
  ['on paper, from dark mode', { media: 'print', scheme: 'dark' }],
]

describe.each(looks)('%s', (name, look) => {
  it('can be read', () =>
    opened(async (tab) => {
      await tab.show(look)
      const { text, quiet, blue, green, label } = await contrasts(tab)
      for (const each of [text, quiet, label]) expect(each).toBeGreaterThan(4.5)
      for (const each of [blue, green]) expect(each).toBeGreaterThan(4.5)
      const page = await tab.evaluate('getComputedStyle(document.body).backgroundColor')
      expect(page === 'rgb(255, 255, 255)').toBe(name !== 'in dark mode')
      expect(await overlaps(tab)).toEqual([])
    }))
})

it('tells the colors apart without any hue', () =>
  opened(async (tab) => {
    const drawn = await tab.evaluate<string[][]>(`['blue', 'green'].map((color) => {
      const svg = document.querySelector('svg[aria-label^="Requests:"]')
      const marks = svg.querySelector('.marks-' + color)
      return [getComputedStyle(svg.querySelector('.line-' + color)).strokeDasharray, marks.firstElementChild.tagName]
    })`)
    expect(drawn).toEqual([
      ['none', 'circle'],
      ['6px, 3px', 'path'],
    ])
  }))

it.each([360, 700, 1_400])('fits %d pixels', (width) =>
  opened(async (tab) => {
    await tab.show({ width })
    expect(await tab.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    expect(await overlaps(tab)).toEqual([])
  }),
)

it('prints on a few pages', () =>
  opened(async (tab) => {
    const pdf = await tab.pdf()
    const pages = pdf.toString('latin1').match(/\/Type \/Page\b/g) ?? []
    expect(pages.length).toBeGreaterThanOrEqual(2)
    expect(pages.length).toBeLessThanOrEqual(5)
  }))
