// The page of an operation: what it says, what its plots show, and that nothing in it can do harm.
import { describe, expect, it } from 'vitest'
import { reportPage } from '../../src/report/page.ts'
import { anAlert, figuresOf } from '../fakes/metrics.ts'
import { aMove, aSide } from '../fakes/state.ts'
import { curveOf, type Element, parsed, plotOf, textsOf, valueAt } from './read-plot.ts'
import { aReport, began, line, madeAt, operation } from './scene.ts'

const noon = 12 * 60

function pageOf(...over: Parameters<typeof aReport>) {
  return parsed(reportPage(aReport(...over)))
}

function wordsOf(page: ReturnType<typeof parsed>, selector = 'body'): string {
  return [...page.querySelectorAll(selector)]
    .map((found) => found.textContent)
    .join(' ')
    .replaceAll(/\s+/g, ' ')
}

describe('the record', () => {
  it('is there as text', () => {
    const facts = [...pageOf().querySelectorAll('dt, dd')].map((found) =>
      (found.textContent ?? '').trim(),
    )
    expect(facts).toEqual([
      ...['Operation', 'r-41, switch in local', 'Outcome', 'done', 'By', 'jane@laptop'],
      ...['Run', 'https://github.com/acme/shop/actions/runs/1', 'Reason', 'faster search'],
      ...['Started', '2026-01-01 12:00:00 UTC'],
      ...['Ended', '2026-01-01 12:00:02 UTC, after 2.00 s', 'To undo', 'shopctl rollback'],
    ])
  })

  it('has each move with its proof, the digests of both sides, and all phases', () => {
    const rows = [...pageOf().querySelectorAll('tr')].map((row) =>
      [...row.querySelectorAll('td')].map((cell) => cell.textContent).join(' | '),
    )
    expect(rows).toContain('payment | blue v-a | green v-b | 40 ms | 118 ms | 8')
    expect(rows).toContain('order | blue v-a | a | sha256:a')
    expect(rows).toContain('order | green v-b | b | sha256:b')
    expect(rows).toContain('take over | 12:00:00.560 | 1.20 s')
  })

  it('has the open work as a line', () => {
    const open = { openBefore: 12, finishedByOld: 3, finishedByNew: 8, openAfter: 2 }
    const services = operation.services.map((each) =>
      each.name === 'order' ? { ...each, proof: { ...each.proof, ...open } } : each,
    )
    const page = pageOf({ operation: { ...operation, services } })
    expect(wordsOf(page, 'p')).toContain(
      'order: 12 open before, 3 finished by blue, 8 by green; 2 open after',
    )
    expect(wordsOf(page, 'th')).not.toMatch(/OPEN|FINISHED/)
  })

  it('says how it failed, and in spite of what it began', () => {
    const failed = {
      ...operation,
      ...{ outcome: 'undone' as const, error: 'payment did not take over.\n1 of 2 consume.' },
      alerts: [{ ...anAlert(), service: null, color: null, since: '' }],
    }
    const page = pageOf({ operation: failed })
    expect(page.querySelector('.error')?.textContent).toBe(failed.error)
    expect(wordsOf(page, 'dd .bad')).toBe('undone')
    expect(wordsOf(page)).toContain('In spite ofOutboxStuck (Events of order are not published)')
  })

  it('that is open has not ended', () => {
    const open = { ...operation, endedAt: null, outcome: null }
    const words = wordsOf(pageOf({ operation: open, madeAt: new Date(began + 9_000) }), 'dl')
    expect(words).toContain('Outcomeopen')
    expect(words).toContain('Endednot ended')
  })

  it('of a first deploy has slots on one side only, and what was tested with it', () => {
    const deploy = aMove('r-1', 'switch', [], {
      services: [{ name: 'order', from: null, to: aSide('blue', 'a') }],
      combination: { payment: { revision: 'p', digest: 'sha256:p' } },
    })
    const rows = wordsOf(pageOf({ operation: deploy }), 'table')
    expect(rows).toContain('order none blue v-a')
    expect(rows).toContain('payment tested with p sha256:p')
  })
})

describe('the plots', () => {
  const page = pageOf()

  it('show the requests of each color', () => {
    const svg = plotOf(page, 'Requests')
    expect(valueAt(svg, 'blue', noon - 5)).toBeCloseTo(30, 0)
    expect(valueAt(svg, 'blue', noon + 5)).toBeCloseTo(0, 2)
    expect(valueAt(svg, 'green', noon - 5)).toBeCloseTo(0, 2)
    expect(valueAt(svg, 'green', noon + 5)).toBeGreaterThan(27)
    // Half of the window after the switch.
    expect(valueAt(svg, 'blue', noon + 10 / 60)).toBeCloseTo(15, 0)
  })

  it('show failures, latencies, queue, age, consumers and epochs', () => {
    const failures = plotOf(page, 'Failures')
    expect(valueAt(failures, 'green-requests', noon + 5)).toBeCloseTo(0, 3)
    expect(valueAt(failures, 'green-requests', noon + 8)).toBeCloseTo(0.25, 3)
    const latencies = plotOf(page, 'Response times')
    expect(valueAt(latencies, 'green-p50', noon + 5)).toBeCloseTo(8, -1)
    expect(valueAt(latencies, 'green-p99', noon + 5)).toBeGreaterThan(20)
    expect(valueAt(plotOf(page, 'Queue'), 'waiting', noon + 0.25)).toBeCloseTo(37, 1)
    expect(valueAt(plotOf(page, 'Age of messages'), 'unpublished', noon + 0.25)).toBeCloseTo(0.4, 2)
    expect(valueAt(plotOf(page, 'Consumers'), 'green', noon + 1)).toBeCloseTo(2, 2)
    expect(valueAt(plotOf(page, 'Epoch of the gate'), 'blue', noon - 1)).toBeCloseTo(7, 2)
    expect(valueAt(plotOf(page, 'Epoch of the gate'), 'green', noon + 1)).toBeCloseTo(8, 2)
  })

  it('are those of each service', () => {
    expect(() => plotOf(page, 'Messages handled', 1)).not.toThrow()
    expect(() => plotOf(page, 'Requests', 1)).toThrow()
  })

  it('break where nothing was measured', () => {
    const some = line('order', 'blue', (at) => (at > 100 && at < 200 ? null : 1))
    const [before, after] = curveOf(
      plotOf(pageOf({ figures: figuresOf({ requests: [some] }) }), 'Requests'),
      'blue',
    )
    expect(before?.at(-1)?.minute).toBeCloseTo(noon + 100 / 60, 1)
    expect(after?.[0]?.minute).toBeCloseTo(noon + 200 / 60, 1)
  })

  it('name each curve with its last value at its end', () => {
    expect(textsOf(plotOf(page, 'Consumers'), '.end')).toEqual(['green 2', 'blue 0'])
    expect(textsOf(plotOf(page, 'Failures'), '.end')).toContain('green requests 0.25/s')
  })

  it('tell the colors apart without hue: by dashes, marks and names', () => {
    const svg = plotOf(page, 'Requests')
    const styleOf = (color: string) => [
      svg.querySelector(`.line-${color}`)?.getAttribute('stroke-dasharray'),
      svg.querySelector(`.marks-${color}`)?.innerHTML.match(/<(circle|path)/)?.[1],
    ]
    expect(styleOf('blue')).toEqual([null, 'circle'])
    expect(styleOf('green')).toEqual(['6 3', 'path'])
  })

  it('have the phases, the operation and the other moves drawn in', () => {
    const svg = plotOf(page, 'Requests')
    expect(svg.querySelectorAll('.operation rect')).toHaveLength(1)
    expect(svg.querySelectorAll('.phases line')).toHaveLength(3)
    expect(textsOf(svg, '.phase-numbers')).toEqual(['1–3'])
    expect(textsOf(svg, '.move-names')).toEqual(['r-42 rollback'])
  })

  it('of the phases has a bar for each, as long as it took', () => {
    const svg = plotOf(parsed(`<body>${phasesOf(page)}`), 'The phases, in seconds', 0)
    const widths = [...svg.querySelectorAll('.phases rect')].map((bar) =>
      Number(bar.getAttribute('width')),
    )
    const [preview = 0, write = 0, takeOver = 0] = widths
    expect(preview / write).toBeCloseTo(5, 1)
    expect(takeOver / write).toBeCloseTo(20, 1)
    expect(textsOf(svg, '')).toEqual(expect.arrayContaining(['2 write', '0.06 s', '3 take over']))
  })

  it('come with a table of what they show', () => {
    const rows = [...page.querySelectorAll('tr')].map((row) =>
      [...row.querySelectorAll('td')].map((cell) => cell.textContent).join(' | '),
    )
    expect(rows).toContain('Consumers | blue | 2 | 2 | 0')
    expect(rows).toContain('Queue | waiting | 2 | 37 | 2.3')
  })
})

/** Its description has no colon. */
function phasesOf(page: ReturnType<typeof parsed>): string {
  const [first] = [...page.querySelectorAll('svg')]
  return first?.outerHTML.replace('in seconds since', 'in seconds: since') ?? ''
}

describe('what is missing', () => {
  it('is said in the words of the command where there are no figures', () => {
    const page = pageOf({ figures: 'There is no Prometheus. Set `metrics`.' })
    expect(wordsOf(page, '.no-figures')).toBe('There is no Prometheus. Set `metrics`.')
    expect(page.querySelectorAll('svg')).toHaveLength(1)
    expect(wordsOf(page)).toContain('take over')
  })

  it('is said of a service without figures', () => {
    const page = pageOf({ figures: figuresOf({ requests: [line('order', 'blue', () => 1)] }) })
    expect(wordsOf(page, '#payment + p')).toBe('Prometheus has no figures of it in this time.')
  })

  it('is said where the time is not over, or Prometheus did not answer all', () => {
    const figures = { ...figuresOf({}), unanswered: ['queued' as const] }
    const early = aReport({ madeAt: new Date(began + 60_000), figures })
    const covered = { ...early.covered, completeAt: new Date(began + 602_000) }
    const words = wordsOf(parsed(reportPage({ ...early, covered })))
    expect(words).toContain('After 2026-01-01 12:10:02 UTC there is more to show')
    expect(words).toContain('Prometheus did not answer for queued.')
  })

  it('are times of phases in an earlier record: no plot of them', () => {
    const earlier = { ...operation, phases: [{ name: 'write', tookMs: 60 }] }
    const page = pageOf({ operation: earlier, figures: 'none' })
    expect(page.querySelectorAll('svg')).toHaveLength(0)
    expect(wordsOf(page)).toContain('write - 0.06 s')
  })
})

describe('a hostile record', () => {
  const evil = `"'><script>alert(1)</script></text></svg><img src=x onerror=alert(1)>&amp;`
  const side = { ...aSide('green', 'b'), version: evil, revision: evil, digest: evil }
  const hostile = {
    ...operation,
    ...{ by: evil, reason: evil, error: evil, run: 'javascript:alert(1)' },
    services: [{ name: evil, from: side, to: side, proof: { [evil]: evil } }],
    combination: { other: { revision: evil, digest: evil } },
    alerts: [{ ...anAlert({ name: evil, summary: evil }), since: evil }],
    phases: [{ name: evil, startedAt: '2026-01-01T12:00:00.100Z', tookMs: 10 }],
  }
  const text = reportPage({
    ...{ ...aReport(), system: evil, env: evil, operation: hostile },
    undo: { command: evil, note: evil },
    figures: figuresOf({ requests: [line(evil, 'blue', () => 1)] }),
  })
  const page = parsed(text)

  it('is text and nothing else', () => {
    expect(page.querySelectorAll('script, img, iframe, object, link, [onerror]')).toHaveLength(0)
    expect(text).not.toMatch(/<script|<img/i)
    expect(wordsOf(page, 'dl')).toContain(evil)
    expect(wordsOf(page, '.error')).toBe(evil)
    expect(wordsOf(page, 'title')).toContain(evil)
    expect(
      textsOf(page.querySelector('body') as Element, '[aria-label="y-axis tick label"]'),
    ).toContain(`1 ${evil}`)
  })

  it('has no link but to a page', () => {
    expect(page.querySelectorAll('a')).toHaveLength(0)
    expect(wordsOf(page)).toContain('javascript:alert(1)')
  })
})

it('asks no other host, and runs nothing', () => {
  const text = reportPage(aReport())
  expect(text).toContain(`content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"`)
  expect(text).not.toMatch(/\bsrc=|url\(|@import|<script|<link/)
  const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, address]) => address)
  expect(links).toEqual(['https://github.com/acme/shop/actions/runs/1'])
})

it('is the same for the same record and figures', () => {
  expect(reportPage(aReport())).toBe(reportPage(aReport()))
  expect(reportPage(aReport({ madeAt }))).toContain('Made 2026-01-01 13:00:00 UTC')
})
