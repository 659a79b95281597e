// Annotations, against a Grafana on this machine that takes only what its reference documents.
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createAnnotations } from '../../../src/adapters/notices/grafana.ts'
import { createEvents } from '../../../src/output/events.ts'
import { createShop, releasedTwice, type Shop } from '../../fakes/shop.ts'

/** Milliseconds since 1970: seconds would be in 1970. */
const milliseconds = z.int().min(Date.UTC(2020))
/** POST /api/annotations: `time`, `timeEnd` and `tags` are optional, and so are a dashboard and a panel. */
const annotation = z
  .strictObject({
    time: milliseconds,
    timeEnd: milliseconds,
    tags: z.array(z.string().min(1).max(100)),
    text: z.string().min(1),
  })
  .refine(({ time, timeEnd }) => time <= timeEnd)

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** `status`: of every answer. 0: it never answers. */
async function grafana({
  status = 200,
  path = '',
  token = 'glsa_verysecret' as string | null,
} = {}) {
  const got: z.infer<typeof annotation>[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (status === 0) return
    const answer = (code: number, content: object): void =>
      void response.writeHead(code).end(JSON.stringify(content))
    if (status !== 200) return answer(status, { message: 'You will need additional permissions' })
    if (request.method !== 'POST' || request.url !== `${path}/api/annotations`)
      return answer(404, { message: 'Not found' })
    if (request.headers.authorization !== 'Bearer glsa_verysecret')
      return answer(401, { message: 'Invalid API key' })
    const parsed = annotation.safeParse(JSON.parse(body))
    if (!parsed.success || request.headers['content-type'] !== 'application/json')
      return answer(400, { message: 'bad request data' })
    got.push(parsed.data)
    answer(200, { message: 'Annotation added', id: got.length })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const warnings: string[] = []
  const annotations = createAnnotations({
    url: new URL(`http://127.0.0.1:${port}${path}`),
    ...{ token, variable: 'GRAFANA_TOKEN', env: 'production' },
    agentOf: async () => new Agent(),
    warn: (problem) => warnings.push(problem),
  })
  const events = createEvents(() => new Date('2026-01-01'))
  events.add(annotations.tell)
  return { annotations, got, warnings, events }
}

async function readyToSwitch(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  return shop
}

describe('an annotation', () => {
  it.each(['', '/grafana'])('of a switch is at %j, from its start to its end', async (path) => {
    const shop = await readyToSwitch()
    const { annotations, got, warnings, events } = await grafana({ path })
    await shop.switch({ skipSmoke: true, reason: 'it is time' }, { events })
    await annotations.settle(5_000)
    const { startedAt, endedAt } = shop.world.state.journal.closed.at(-1) ?? {}
    expect(got).toEqual([
      {
        time: Date.parse(startedAt ?? ''),
        timeEnd: Date.parse(endedAt ?? ''),
        tags: ['production', 'r-2', 'order', 'payment', 'switch'],
        text: [
          'switch r-2 by me@here',
          'order: blue 1a2b3c4d → green bbbbbbbb',
          'payment: blue 1a2b3c4d → green bbbbbbbb',
          'it is time',
        ].join('\n'),
      },
    ])
    expect(warnings).toEqual([])
  })

  it('of a rollback names it', async () => {
    const shop = await releasedTwice()
    const { annotations, got, events } = await grafana()
    await shop.rollback({ services: ['order'] }, { events })
    await annotations.settle(5_000)
    expect(got).toMatchObject([{ tags: ['production', 'r-3', 'order', 'rollback'] }])
  })

  it('of a switch that was put back says so', async () => {
    const shop = await readyToSwitch()
    const { annotations, got, events } = await grafana()
    shop.world.faults.deaf.add('payment')
    await shop.switch({ skipSmoke: true }, { events }).catch(() => {})
    await annotations.settle(5_000)
    expect(got).toMatchObject([{ text: expect.stringMatching(/^switch r-2, put back by me/) }])
  })

  it('is not made of anything else', async () => {
    const shop = await readyToSwitch()
    const { annotations, got, events } = await grafana()
    await shop.deploy({}, { events })
    await shop.smoke({}, { events })
    await shop.cleanup(null, { events })
    await annotations.settle(5_000)
    expect(got).toEqual([])
  })
})

describe('a Grafana that', () => {
  it.each<[string, Parameters<typeof grafana>[0], string]>([
    ['fails', { status: 500 }, 'it answered 500.'],
    ['does not let us', { status: 403 }, 'it answered 403; its account has to write annotations.'],
    [
      'knows another token',
      { token: 'old' },
      'it answered 401; its account has to write annotations.',
    ],
    ['redirects to a login', { status: 302 }, 'it answered 302.'],
    ['has no token', { token: null }, 'the variable GRAFANA_TOKEN is not set.'],
  ])('%s is one warning, and the switch is done', async (_, options, expected) => {
    const shop = await readyToSwitch()
    const { annotations, warnings, events } = await grafana(options)
    expect(await shop.switch({ skipSmoke: true }, { events })).toMatchObject({ release: 'r-2' })
    await shop.rollback({}, { events })
    await annotations.settle(5_000)
    expect(warnings).toEqual([`Grafana was not told: ${expected}`])
  })

  it('hangs delays the end by no more than the limit', async () => {
    const shop = await readyToSwitch()
    const { annotations, warnings, events } = await grafana({ status: 0 })
    await shop.switch({ skipSmoke: true }, { events })
    const from = performance.now()
    await annotations.settle(300)
    expect(performance.now() - from).toBeLessThan(4_000)
    expect(warnings).toEqual(['Grafana was not told: it did not answer in time.'])
  })
})
