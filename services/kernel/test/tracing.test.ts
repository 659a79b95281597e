// Spans as a collector gets them. The database and the broker are fakes.
import { setTimeout } from 'node:timers/promises'
import { type Contract, contract, draft } from '@shop/events/envelope'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { Poison } from '../failures.ts'
import type { Fence } from '../gate.ts'
import { createHttp } from '../http.ts'
import { on, type Subscription } from '../inbox.ts'
import { createMetrics } from '../metrics.ts'
import { createOutbox } from '../outbox.ts'
import type { Outgoing } from '../publisher.ts'
import { createRelay } from '../relay.ts'
import { createSettlement } from '../settlement.ts'
import { job, type Tracer } from '../spans.ts'
import { createLogger, type Identity } from '../telemetry.ts'
import { createTracing, type SamplingConfig } from '../tracing.ts'
import { type FakeCollector, type ReceivedSpan, startCollector } from './fake-collector.ts'

const secret = z.object({ email: z.string().meta({ sensitive: true }), token: z.string() })
const asked = contract('thing.asked.v1', secret, '/e1')
const done = contract('thing.done.v1', secret, '/e2')
const traceId = '0af7651916cd43dd8448eb211c80319c'
const data = { email: 'ada@example.com', token: 'tok_ok' }
const always: SamplingConfig = {
  OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  OTEL_TRACES_SAMPLER_ARG: 1,
}

afterEach(() => vi.unstubAllEnvs())

async function open(status: number | null = 200): Promise<FakeCollector> {
  const collector = await startCollector(status)
  onTestFinished(() => collector.close())
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  return collector
}

function start(service: string, sampling = always) {
  const identity: Identity = { service, color: 'green', version: 'v', revision: 'r', pod: 'p' }
  const lines: string[] = []
  const logger = createLogger(identity, 'info', { write: (line) => void lines.push(line) })
  return { identity, logger, lines, tracing: createTracing(identity, logger, sampling) }
}

/** A service whose database forgets everything, and whose broker is `publish`. */
function openService(
  name: string,
  publish: (messages: Outgoing[]) => void,
  subscriptions: Subscription[] = [],
) {
  const { identity, logger, tracing } = start(name)
  const tracer = tracing.of('live')
  const metrics = createMetrics(identity).of('live')
  const query = async (text: string) => (text.includes('INTO inbox') ? [{ isNew: true }] : [])
  const tx = { query, execute: () => {} }
  const transaction = (work: (one: typeof tx) => Promise<unknown>) => work(tx)
  const database = { query, transaction } as never
  const bus = {
    connected: () => true,
    blocked: () => null,
    async publish(messages: Outgoing[]) {
      publish(messages)
      return { confirmed: messages, refused: [] }
    },
  } as never
  const relay = createRelay({ database, bus, logger, metrics, tracer })
  onTestFinished(() => relay.close())
  let ids = 0
  const newId = () =>
    `01a20a70-45d6-79f6-be69-${name.padStart(4, '0')}${(ids++).toString().padStart(8, '0')}`
  const outbox = createOutbox({
    ...{ database, source: `/${name}`, now: () => new Date(), newId, tracer, relay },
  })
  const settlement = createSettlement({
    ...{ subscriptions, consumer: name, outbox, logger, metrics, tracer, now: () => new Date() },
  })
  const http = createHttp({
    ...{ identity, plane: 'live', logger, metrics, tracer, keepAlive: () => true },
  })
  const fence = { query, transaction, color: 'green', revision: 'r', epoch: 1 } as unknown as Fence
  return {
    ...{ http, outbox, tracing },
    deliver: ({ body, routingKey, attempt }: Outgoing) =>
      settlement.message(
        fence,
        { body: Buffer.from(body), routingKey, attempt, deliveryCount: 0, death: null },
        0,
      ),
  }
}

function forwarding<Data>(from: Contract<Data>, to: Contract<Data>): Subscription {
  return on(from, { handle: async (_tx, event) => [draft(to, event.subject, event.data)] })
}

/** Each span as its path from the root. */
function paths(spans: ReceivedSpan[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const pathOf = (span: ReceivedSpan): string => {
    const parent = byId.get(span.parentSpanId ?? '')
    return parent ? `${pathOf(parent)} > ${span.name}` : span.name
  }
  return spans.map(pathOf).sort()
}

/** A request to the first service goes through the second one and back. */
async function runOrder(headers: Record<string, string> = {}): Promise<void> {
  const messages: Outgoing[] = []
  const publish = (sent: Outgoing[]): void => void messages.push(...sent)
  const one = openService('e1', publish, [on(done, { handle: async () => [] })])
  const two = openService('e2', publish, [forwarding(asked, done)])
  one.http.post('/things/:id', async ({ traceparent }) =>
    one.outbox.commitUnfenced(traceparent, async () => ({
      result: {},
      events: [draft(asked, 'thing-7', data)],
    })),
  )
  await one.http.inject({ method: 'POST', url: '/things/7?token=tok_ok', headers })
  const next = () => vi.waitFor(() => messages.shift() ?? expect.fail('no message'))
  await two.deliver(await next())
  await one.deliver(await next())
  await one.http.close()
  await Promise.all([one.tracing.close(), two.tracing.close()])
}

const [toTwo, toOne] = ['shop.events:thing.asked.v1', 'shop.events:thing.done.v1']

describe('the spans of one request', () => {
  it('are one tree, from the request over outboxes and broker to the last handler', async () => {
    const collector = await open()
    await runOrder()
    const spans = collector.spans()
    const root = 'POST /things/:id'
    const handled = `${root} > create ${toTwo} > process ${toTwo}:e2`
    expect(paths(spans)).toEqual([
      root,
      `${root} > create ${toTwo}`,
      handled,
      `${handled} > create ${toOne}`,
      `${handled} > create ${toOne} > process ${toOne}:e1`,
      `${handled} > create ${toOne} > send ${toOne}`,
      `${root} > create ${toTwo} > send ${toTwo}`,
    ])
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
    expect(spans.filter(({ status }) => status.code === 2)).toEqual([])
  })

  it('continue the trace of the client', async () => {
    const collector = await open()
    await runOrder({ traceparent: `00-${traceId}-b7ad6b7169203331-01` })
    const spans = collector.spans()
    expect(spans).toHaveLength(7)
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
    expect(spans.find(({ kind }) => kind === 2)?.parentSpanId).toBe('b7ad6b7169203331')
  })

  it('are not sent when the client does not sample its trace', async () => {
    const collector = await open()
    await runOrder({ traceparent: `00-${traceId}-b7ad6b7169203331-00` })
    expect(collector.spans()).toEqual([])
  })

  it('say what happened where, and hold no body, query or header', async () => {
    const collector = await open()
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test')
    await runOrder({ 'idempotency-key': 'my-key', authorization: 'my-password' })
    const spans = collector.spans()
    const [request, processed] = [2, 5].map((wanted) =>
      spans.find(({ kind, name }) => kind === wanted && !name.endsWith('e1')),
    )
    expect(request).toMatchObject({
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/things/:id',
        'http.response.status_code': 200,
        'url.path': '/things/7',
        'shopctl.plane': 'live',
      },
      resource: {
        'service.name': 'e1',
        'service.version': 'v',
        'service.instance.id': 'p',
        'shopctl.color': 'green',
        'shopctl.revision': 'r',
        'deployment.environment.name': 'test',
      },
    })
    expect(processed?.attributes).toMatchObject({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'process',
      'messaging.destination.name': `${toTwo}:e2`,
      'messaging.rabbitmq.destination.routing_key': asked.type,
      'cloudevents.event_type': asked.type,
      'cloudevents.event_source': '/e1',
      'cloudevents.event_subject': 'thing-7',
    })
    expect(collector.sent()).not.toMatch(/ada@|tok_|my-/)
  })
})

describe('a span', () => {
  it.each<[string, Error, string]>([
    ['that can never be handled', new Poison('<ada@example.com> tok_ok'), 'parked'],
    ['that fails', new Error('<ada@example.com> tok_ok'), 'failed'],
  ])('of an event %s says so, and not why', async (_, failure, type) => {
    const collector = await open()
    const messages: Outgoing[] = []
    const handle = () => Promise.reject(failure)
    const service = openService('e1', (sent) => messages.push(...sent), [on(asked, { handle })])
    await service.outbox.commitUnfenced('', async () => ({
      ...{ result: null, events: [draft(asked, 'thing-7', data)] },
    }))
    const [message] = await vi.waitFor(() => (messages.length > 0 ? messages : expect.fail('none')))
    await service.deliver(message as Outgoing)
    await service.tracing.close()
    const failed = collector.spans().filter(({ status }) => status.code === 2)
    expect(failed).toMatchObject([{ kind: 5, attributes: { 'error.type': type } }])
    expect(collector.sent()).not.toMatch(/ada@|tok_/)
  })

  it.each<[string, number, SamplingConfig['OTEL_TRACES_SAMPLER'], number]>([
    ['always', 1_000, 'always_on', 1],
    ['never', 0, 'always_off', 1],
    ['never, at the root', 0, 'parentbased_always_off', 1],
    ['for a share of the traces', 250, 'parentbased_traceidratio', 0.25],
  ])('is sampled %s', async (_, count, sampler, share) => {
    const collector = await open()
    const sampling = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: share }
    const { tracing } = start('e1', sampling)
    record(tracing.of('preview'), 1_000)
    await tracing.close()
    expect(Math.abs(collector.spans().length - count)).toBeLessThan(count === 250 ? 80 : 1)
  })
})

describe('a collector that', () => {
  it.each<[string, number, () => Promise<unknown>]>([
    ['is away', 0, async () => vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1')],
    ['does not answer', 0, () => open(null)],
    ['refuses', 1, () => open(400)],
  ])('%s costs dropped spans, %d lines, and two seconds at the end', async (_, count, prepare) => {
    await prepare()
    const { tracing, lines } = start('e1')
    for (let n = 0; n < 20; n += 1) {
      record(tracing.of('live'), 500)
      await setTimeout(10)
    }
    const from = performance.now()
    await tracing.close()
    expect(performance.now() - from).toBeLessThan(2_500)
    // The first two would be retried for longer.
    expect(lines).toHaveLength(count)
  })
})

function record(tracer: Tracer, count: number): void {
  for (let n = 0; n < count; n += 1) tracer.start(undefined, () => job('tick')).end()
}
