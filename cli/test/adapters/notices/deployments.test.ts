// GitHub Deployments, against an API on this machine that takes only what GitHub's reference names.
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createDeployments } from '../../../src/adapters/notices/deployments.ts'
import type { Event } from '../../../src/release/ports/events.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'

const newDeployment = z.strictObject({
  ref: z.string().regex(/^[0-9a-f]{40}$/),
  environment: z.string(),
  task: z.string(),
  auto_merge: z.literal(false),
  required_contexts: z.array(z.never()),
  description: z.string().max(140),
  payload: z.object({}).loose(),
})
const newStatus = z.strictObject({
  state: z.enum(['in_progress', 'success', 'failure', 'error']),
  description: z.string().max(140),
  log_url: z.url(),
})

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Deployment {
  id: number
  payload: unknown
  states: string[]
}

/** `status`: of every answer; 0: it never answers. */
async function gitHub({ status = 0, hangs = false, asText = false } = {}) {
  const deployments: Deployment[] = []
  const server = createServer(async (request, response) => {
    const answer = (code: number, content: unknown): void =>
      void response.writeHead(code).end(JSON.stringify(content))
    const body = await text(request)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    const [, id, rest] = /^\/repos\/acme\/shop\/deployments(?:\/(\d+))?(.*)$/.exec(pathname) ?? []
    if (hangs) return
    if (status) return answer(status, { message: 'Resource not accessible by integration' })
    if (request.headers.authorization !== 'Bearer verysecret') return answer(401, {})
    if (request.headers['user-agent'] === undefined) return answer(403, {})
    if (request.method === 'GET') {
      const isAsked =
        searchParams.get('environment') === 'production' &&
        searchParams.get('task') === 'deploy:shopctl'
      return answer(200, isAsked ? [...deployments].reverse() : [])
    }
    if (id === undefined) {
      const { payload } = newDeployment.parse(JSON.parse(body))
      const made = { id: deployments.length + 1, payload, states: [] }
      deployments.push(asText ? { ...made, payload: JSON.stringify(payload) } : made)
      return answer(201, made)
    }
    if (rest !== '/statuses') return answer(404, {})
    const { state, description } = newStatus.parse(JSON.parse(body))
    deployments[Number(id) - 1]?.states.push(`${state}: ${description}`)
    answer(201, { id: 1 })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const warnings: string[] = []
  /** As one command does. */
  const command = async (run: (emit: Shop['world']['events']) => Promise<unknown>, ms = 5_000) => {
    const told = createDeployments({
      ...{ api: new URL(`http://127.0.0.1:${port}`), repository: 'acme/shop' },
      ...{ ref: 'a1'.repeat(20), token: 'verysecret', env: 'production' },
      ...{ run: 'https://github.com/acme/shop/actions/runs/7', agentOf: async () => new Agent() },
      warn: (problem) => warnings.push(problem),
    })
    const time = '2026-01-01T00:00:00Z'
    const emit = (kind: string, payload: object): void =>
      told.tell({ version: 1, time, kind, payload } as Event)
    let exitCode = 0
    await run({ emitted: [], emit }).catch(() => {
      exitCode = 1
    })
    emit('command.ended', { command: 'switch', exitCode, result: null, error: null })
    await told.settle(ms)
  }
  return { deployments, warnings, command }
}

describe('a switch', () => {
  it('is one deployment, in progress and then a success', async () => {
    const { deployments, warnings, command } = await gitHub()
    const shop = createShop()
    await command((events) => shop.release({}, { events }))
    expect(deployments).toMatchObject([
      {
        payload: { release: 'r-1', revisions: { order: expect.any(String) } },
        states: ['in_progress: r-1 is being switched to', 'success: r-1: done'],
      },
    ])
    expect(warnings).toEqual([])
  })

  it('that is put back is a failure', async () => {
    const { deployments, command } = await gitHub()
    const shop = createShop()
    await shop.deploy()
    shop.world.faults.deaf.add('order')
    await command((events) => shop.switch({ skipSmoke: true }, { events }))
    expect(deployments[0]?.states.at(-1)).toBe('failure: r-1: undone')
  })

  it('whose end is not recorded is an error', async () => {
    const { deployments, command } = await gitHub()
    const shop = createShop()
    await shop.deploy()
    const end = async () => Promise.reject(new Error('no answer'))
    const journal = { ...shop.world.journal, end }
    await command((events) => shop.switch({ skipSmoke: true }, { events, journal }))
    expect(deployments[0]?.states.at(-1)).toBe('error: run shopctl status')
  })
})

describe('a rollback', () => {
  it.each([false, true])(
    'fails the deployment that it undoes (payload as a text: %s)',
    async (asText) => {
      const { deployments, command } = await gitHub({ asText })
      const shop = createShop()
      for (const letter of ['b', 'c']) {
        shop.commit(letter)
        await command((events) => shop.release({}, { events }))
      }
      await command((events) => shop.rollback({}, { events }))
      expect(deployments.map(({ states }) => states.at(-1))).toEqual([
        ...['success: r-1: done', 'failure: rolled back by r-3'],
      ])
    },
  )

  it('of what somebody released without GitHub fails none', async () => {
    const { deployments, warnings, command } = await gitHub()
    const shop = createShop()
    await command((events) => shop.release({}, { events }))
    shop.commit('b')
    await shop.release()
    await command((events) => shop.rollback({}, { events }))
    expect(deployments.map(({ states }) => states.at(-1))).toEqual(['success: r-1: done'])
    expect(warnings).toEqual([])
  })
})

describe('a GitHub that', () => {
  const released = async (options: Parameters<typeof gitHub>[0], ms?: number) => {
    const { warnings, command } = await gitHub(options)
    const shop = createShop()
    const from = performance.now()
    await command((events) => shop.release({}, { events }), ms)
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(warnings.join()).not.toContain('verysecret')
    return { warnings, tookMs: performance.now() - from }
  }

  it.each([
    [403, 'GitHub was not told: it answered 403; the job needs `deployments: write`.'],
    [500, 'GitHub was not told: it answered 500.'],
    [302, 'GitHub was not told: it answered 302.'],
    [200, 'GitHub was not told: it answered 200.'],
  ])('answers %i is a warning', async (status, expected) => {
    expect((await released({ status })).warnings).toEqual([expected])
  })

  it('hangs delays the end by no more than the limit', async () => {
    const { warnings, tookMs } = await released({ hangs: true }, 300)
    // An answer may take 5 s: nothing waits for it. The machine may be busy.
    expect(tookMs).toBeLessThan(4_500)
    expect(warnings).toEqual(['GitHub was not told: it did not answer in time.'])
  })
})
