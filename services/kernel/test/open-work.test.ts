import { describe, expect, it } from 'vitest'
import { type OpenWorkQuestion, openWorkRoutes } from '../open-work.ts'

const counted = {
  open: 2,
  before: { open: 3, finished: { blue: 1 } },
  since: { due: 0, late: 0, open: 1, oldestSeconds: 1.5 },
}
const asked: OpenWorkQuestion[] = []
const routes = openWorkRoutes(async (question) => {
  asked.push(question)
  return counted
})

function ask(query: string) {
  return routes['GET /open']?.({ params: {}, query: new URLSearchParams(query) })
}

describe('GET /open', () => {
  it.each([
    ['ago=1.234&late=30', { ago: 1.234, late: 30 }],
    ['ago=0&late=0', { ago: 0, late: 0 }],
    ['ago=604800&late=0.5', { ago: 604_800, late: 0.5 }],
  ])('%s counts', async (query, question) => {
    expect(await ask(query)).toEqual({ status: 200, body: counted })
    expect(asked.at(-1)).toEqual(question)
  })

  it.each([
    '',
    'ago=1',
    'late=1',
    'ago=&late=30',
    'ago=-1&late=30',
    'ago=604800.1&late=30',
    'ago=1&late=604801',
    'ago=1e3&late=30',
    'ago=NaN&late=30',
    'ago=Infinity&late=30',
    'ago=x&late=30',
  ])('%s is refused', async (query) => {
    const before = asked.length
    expect(await ask(query)).toMatchObject({
      status: 400,
      type: 'application/problem+json',
      body: { detail: 'ago and late are numbers of seconds, from 0 to 604800' },
    })
    expect(asked).toHaveLength(before)
  })

  it('is not there where a service has no such work', () => {
    expect(openWorkRoutes(undefined)).toEqual({})
  })
})
