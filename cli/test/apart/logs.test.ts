// The logs of containers on their way through the real collector into the real store, and out of it again.
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVictoriaLogs } from '../../src/adapters/logs/victorialogs.ts'
import { inOrder, lineOf } from '../../src/inspect/log-lines.ts'
import type { LogQuery, RawLine } from '../../src/release/ports/logs.ts'
import { writeKubeconfig } from '../fakes/api-server.ts'
import { listen } from '../fakes/token-server.ts'
import { until } from '../real/shop.ts'
import { createCollector, createLogStore, type Server } from './log-programs.ts'

const services = ['order', 'inventory', 'payment', 'notification']
const linesOfEach = 5_000
/** A container writes so many lines at once, and its file is rotated after so many. */
const batch = 50
const linesOfFile = 1_700

const folder = mkdtempSync(join(tmpdir(), 'logs-'))

/** What the collector asks of an API server: the pods of its node, as a list or as the beginning of a watch. */
const asked = new Set<string>()
const apiServer = createServer(({ url = '' }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://x')
  asked.add(`${pathname} ${searchParams.get('fieldSelector')}`)
  const pod = {
    ...{ apiVersion: 'v1', kind: 'Pod', spec: { nodeName: 'node-1' }, status: {} },
    metadata: {
      ...{ name: 'postgres-0', namespace: 'shop', uid: uidOf(20), resourceVersion: '1' },
      labels: { 'app.kubernetes.io/name': 'postgres', 'shopctl.dev/color': 'blue' },
    },
  }
  const isPods = pathname === '/api/v1/pods'
  response.setHeader('content-type', 'application/json')
  if (!searchParams.has('watch')) {
    const list = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '1' } }
    response.writeHead(isPods ? 200 : 404).end(JSON.stringify({ ...list, items: [pod] }))
  } else {
    const annotations = { 'k8s.io/initial-events-end': 'true' }
    const mark = { ...pod, metadata: { resourceVersion: '1', annotations } }
    if (searchParams.get('sendInitialEvents') === 'true')
      for (const event of [
        { type: 'ADDED', object: pod },
        { type: 'BOOKMARK', object: mark },
      ])
        response.write(`${JSON.stringify(event)}\n`)
    else response.flushHeaders()
  }
})
let store: Server
let collector: Server

beforeAll(async () => {
  store = await createLogStore(join(folder, 'store'))
  const kubeconfig = writeKubeconfig(folder, { server: `http://${await listen(apiServer)}` })
  const endpoint = `${store.url}/insert/opentelemetry`
  collector = await createCollector(folder, endpoint, kubeconfig)
  await Promise.all([store.start(), collector.start()])
}, 900_000)

afterAll(async () => {
  await Promise.all([collector?.end('SIGKILL'), store?.end('SIGKILL')])
  apiServer.close().closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
})

/** A line of a container's file, as the runtime writes it. A long one has parts. */
function written(time: number, text: string, size = 16_384): string {
  const stamp = `${new Date(time).toISOString().slice(0, -1)}123456Z`
  const parts = text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? ['']
  return parts
    .map((part, index) => `${stamp} stdout ${index < parts.length - 1 ? 'P' : 'F'} ${part}\n`)
    .join('')
}

interface Container {
  pod: string
  write(lines: readonly string[]): void
  rotate(): void
}

function createContainer(namespace: string, pod: string, name: string, uid: string): Container {
  const logs = join(folder, 'pods', `${namespace}_${pod}_${uid}`, name)
  mkdirSync(logs, { recursive: true })
  const file = join(logs, '0.log')
  let rotated = 0
  return {
    pod,
    write: (lines) => appendFileSync(file, lines.join('')),
    rotate() {
      rotated += 1
      renameSync(file, `${file}.20260101-00000${rotated}`)
    },
  }
}

function uidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}

/** As a service writes it. */
function jsonLine(service: string, color: string, number: number, more: object = {}): string {
  const level = number % 100 === 0 ? 'warn' : 'info'
  const own = { service, color, version: 'v-2', revision: 'abc', plane: 'live', number }
  return JSON.stringify({ level, time: new Date().toISOString(), ...own, ...more, msg: 'a line' })
}

const all: LogQuery = {
  ...{ services, color: null, since: null, text: null, word: null },
  limit: 100_000,
}

async function read(query: Partial<LogQuery>): Promise<RawLine[]> {
  const stored = createVictoriaLogs({
    ...{ name: 'the store', namespace: 'shop', now: () => new Date() },
    async ask(path) {
      const response = await fetch(`${store.url}${path}`)
      return { status: response.status, text: await response.text() }
    },
  })
  const { lines } = await stored.read({ ...all, ...query }, new AbortController().signal)
  return lines
}

/** How many different lines of a service there are. */
async function numbersOf(service: string): Promise<number[]> {
  const lines = inOrder(await read({ services: [service] }))
  return lines.map((line) => Number(lineOf(line).fields.number)).filter((number) => number >= 0)
}

describe('20,000 lines of four containers, rotated, while the collector is killed and the store restarts', () => {
  const containers = services.map((service, index) =>
    createContainer('shop', `${service}-green-1`, service, uidOf(index)),
  )
  beforeAll(async () => {
    const writing = (async () => {
      for (let from = 0; from < linesOfEach; from += batch) {
        for (const [index, container] of containers.entries()) {
          const service = services[index] ?? ''
          const numbers = Array.from({ length: batch }, (_, each) => from + each)
          container.write(
            numbers.map((number) => written(Date.now(), jsonLine(service, 'green', number))),
          )
          if (from % linesOfFile === 0 && from > 0) container.rotate()
        }
        await sleep(100)
      }
    })()
    for (let times = 0; times < 8; times += 1) {
      // Not always at the same moment of its work.
      await sleep(600 + 37 * times)
      await collector.end('SIGKILL')
      await sleep(100)
      await collector.start()
    }
    await store.end('SIGTERM')
    await sleep(1_500)
    await store.start()
    await writing
    await until(
      'all lines are there',
      async () => (await numbersOf('notification')).length >= linesOfEach,
    )
  }, 120_000)

  it.each(services)('none of %s is lost, and each is shown once', async (service) => {
    await until('all lines are there', async () => (await numbersOf(service)).length >= linesOfEach)
    const found = (await numbersOf(service)).sort((a, b) => a - b)
    expect(found).toEqual(Array.from({ length: linesOfEach }, (_, number) => number))
  })

  it('each is shown once, when the collector has lost its files and sends all of them again', async () => {
    await collector.end('SIGKILL')
    rmSync(join(folder, 'state'), { recursive: true })
    await collector.start()
    const stored = async () => (await read({ services: ['order'] })).length
    await until('all are there twice', async () => (await stored()) >= 2 * linesOfEach)
    expect(await numbersOf('order')).toHaveLength(linesOfEach)
  })
})

describe('a line', () => {
  const blue = createContainer('shop', 'order-blue-1', 'order', uidOf(10))
  const other = createContainer('elsewhere', 'order-blue-9', 'order', uidOf(11))
  const order = 'f3b1c0de-0000-4000-8000-0000000000aa'
  const start = Date.now()
  const long = 'x'.repeat(40_000)

  beforeAll(async () => {
    const blueLine = (number: number, more: object) => jsonLine('order', 'blue', number, more)
    blue.write([
      written(start, blueLine(-1, { orderId: order, traceId: '0af7651916cd43dd8448eb211c80319c' })),
      written(start, blueLine(-2, { long })),
      written(start + 1, blueLine(-3, { orderId: `${order}0`, says: 'a "quoted" (text)' })),
      written(start + 2, '{"service":"order","color":"blue", it is no JSON'),
      written(start + 3, ''),
    ])
    other.write([written(start, blueLine(-4, { orderId: order }))])
    await until('they are there', async () => (await read({ color: 'blue' })).length >= 3)
  })

  const numbers = async (query: Partial<LogQuery>): Promise<unknown[]> =>
    inOrder(await read({ color: 'blue', ...query })).map((line) => lineOf(line).fields.number)

  it.each<[string, Partial<LogQuery>, number[]]>([
    ['a color', {}, [-1, -2, -3]],
    ['another color', { color: 'green', text: 'quoted' }, []],
    ['an id', { word: order }, [-1]],
    ['a text with marks', { text: String.raw`\"quoted\" (text)` }, [-3]],
    ['a part of a word', { text: 'uote' }, [-3]],
    ['another service', { services: ['payment'] }, []],
    ['a time', { since: new Date(start + 1) }, [-3]],
  ])('is found by %s', async (_, query, expected) => {
    expect(await numbers(query)).toEqual(expected)
  })

  it('is whole, however many parts the runtime made of it', async () => {
    const [line] = await read({ color: 'blue', text: 'xxx' })
    expect(line && lineOf(line).fields.long).toBe(long)
  })

  it('has its place, its pod and the time at which it was written', async () => {
    const [line] = inOrder(await read({ color: 'blue' }))
    expect(line).toMatchObject({
      ...{ service: 'order', color: 'blue', pod: 'order-blue-1' },
      place: { file: expect.stringMatching(/order-blue-1_.*\/order\/0\.log$/), offset: 0 },
      time: `${new Date(start).toISOString().slice(0, -1)}123456Z`,
    })
  })

  it('of Postgres gets its service and its color from the labels of its pod', async () => {
    const postgres = createContainer('shop', 'postgres-0', 'postgres', uidOf(20))
    postgres.write([written(Date.now(), 'LOG:  checkpoint complete')])
    const find = () => read({ services: ['postgres'], color: 'blue' })
    await until('it is there', async () => (await find()).length > 0)
    expect((await find())[0]).toMatchObject({
      pod: 'postgres-0',
      text: 'LOG:  checkpoint complete',
    })
    // It watches the pods of its own node, and nothing else.
    expect([...asked]).toEqual(['/api/v1/pods spec.nodeName=node-1'])
  })

  it('that is no JSON is kept, too', async () => {
    const answer = await fetch(
      `${store.url}/select/logsql/query?query=${encodeURIComponent('_msg:"it is no JSON"')}`,
    )
    expect(await answer.json()).toMatchObject({
      'k8s.pod.name': 'order-blue-1',
      'k8s.container.name': 'order',
      'k8s.namespace.name': 'shop',
    })
  })
})

it('says what is wrong with a query', async () => {
  const stored = createVictoriaLogs({
    ...{ name: 'the store', namespace: 'shop', now: () => new Date() },
    async ask() {
      const response = await fetch(`${store.url}/select/logsql/query?query=(`)
      return { status: response.status, text: await response.text() }
    },
  })
  await expect(stored.read(all, new AbortController().signal)).rejects.toThrow(
    /it answered 400: .*query/,
  )
})
