import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { startCollector } from '@shop/kernel/test/fake-collector'
import { openWire } from '@shop/kernel/test/wire'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase } from './infrastructure.ts'
import { createSlots, eventually, messageIds, untilConsuming, untilReady } from './slots.ts'

describe('a service as a process', () => {
  it('waits for its migrations instead of crashing', async () => {
    const slots = await createSlots()
    slots.select('blue')
    const pod = slots.start('blue')
    await eventually(async () =>
      expect(await pod.manage('/readyz')).toMatchObject({ ready: false, migrations: false }),
    )
    expect(await pod.manage('/livez')).toEqual({ live: true })
    await slots.migrate()
    await untilReady(pod)
    await untilConsuming(pod, true)
  })

  it('answers Prometheus in the format that has the ids of traces', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const pod = slots.start('blue')
    await untilReady(pod)
    const answer = await fetch(`http://127.0.0.1:${pod.managementPort}/metrics`)
    const type = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
    expect(answer.headers.get('content-type')).toBe(type)
    expect(await answer.text()).toMatch(/slot_live{plane="live".*} 1\n(.*\n)*# EOF\n$/)
  })

  it('sends its spans to a collector, the last ones when it ends', async () => {
    const collector = await startCollector()
    onTestFinished(() => collector.close())
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const pod = slots.start('blue', { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    await untilConsuming(pod, true)
    await slots.publish(3)
    await eventually(() => expect(slots.mail.mails).toHaveLength(3))
    await fetch(`http://127.0.0.1:${pod.port}/healthz`)
    const exit = once(pod.process, 'exit')
    pod.process.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    const spans = collector.spans()
    const handled = spans.filter(({ name }) => name.startsWith('process shop.events:order.conf'))
    expect(handled).toHaveLength(3)
    expect(spans.map(({ name }) => name)).toContain('GET /healthz')
    expect(handled[0]?.resource).toMatchObject({ 'shopctl.color': 'blue' })
    expect(collector.sent()).not.toContain('ada@example.com')
  })

  it('switches consumers with the Service, back and forth, and has each effect once', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const [blue, green] = [slots.start('blue'), slots.start('green')]
    await Promise.all([untilReady(blue), untilReady(green), untilConsuming(blue, true)])
    expect(await green.manage('/role')).toMatchObject({ role: 'standby', consumers: 0 })

    for (const [color, live, standby] of [
      ['green', green, blue],
      ['blue', blue, green],
      ['green', green, blue],
    ] as const) {
      await slots.publish(200)
      slots.select(color)
      await Promise.all([untilConsuming(live, true), untilConsuming(standby, false)])
      await eventually(async () =>
        expect(await standby.manage('/role')).toMatchObject({ role: 'standby', inFlight: 0 }),
      )
    }
    await eventually(
      async () =>
        expect(await green.manage('/accounting')).toMatchObject({
          queued: 0,
          own: { sent: 600, unsent: 0 },
        }),
      60_000,
    )
    // A mail that was being sent when the gate moved is sent again with the same id, and counted.
    const { own } = (await green.manage('/accounting')) as { own: { repeats: number } }
    expect(new Set(messageIds(slots.mail.mails)).size).toBe(600)
    expect(slots.mail.mails.length).toBeLessThanOrEqual(600 + own.repeats)
    expect(own.repeats).toBeLessThan(3 * 4)
  })

  it('closes keep-alive connections when it is no longer live, and answers all requests', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const pod = slots.start('blue')
    await untilReady(pod)
    await untilConsuming(pod, true)

    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () =>
      new Promise<{ status: number | undefined; connection: string | undefined }>(
        (resolve, reject) => {
          get({ port: pod.port, path: '/healthz', agent }, (response) => {
            const { connection } = response.headers
            response.resume().on('end', () => resolve({ status: response.statusCode, connection }))
          }).on('error', reject)
        },
      )
    expect(await ask()).toEqual({ status: 200, connection: 'keep-alive' })
    slots.select('green')
    await untilConsuming(pod, false)
    expect(await ask()).toEqual({ status: 200, connection: 'close' })
    expect(await ask()).toEqual({ status: 200, connection: 'close' })

    // After SIGTERM the pod answers for a while, and then refuses connections. A connection is reset only if, when the
    // listener closes, the kernel has accepted it but the process has not.
    const exit = once(pod.process, 'exit')
    pod.process.kill('SIGTERM')
    const end: string[] = []
    while (!end.includes('ECONNREFUSED')) {
      await ask().catch((error: NodeJS.ErrnoException) => end.push(error.code ?? error.message))
      await setTimeout(5)
    }
    expect(end.filter((code) => code !== 'ECONNRESET')).toEqual(['ECONNREFUSED'])
    expect(end.length).toBeLessThanOrEqual(2)
    expect(await exit).toEqual([0, null])
    agent.destroy()
  })

  it('ends in time though clients never send a request, or only half of one', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const pod = slots.start('blue')
    await untilReady(pod)
    const half = 'POST /things HTTP/1.1\r\nhost: shop\r\ncontent-length: 9\r\n\r\n{'
    const ports = [pod.port, pod.previewPort, pod.port]
    const wires = await Promise.all(
      ports.flatMap((port) => ['', '', half].map((bytes) => openWire(port, bytes))),
    )
    const exit = once(pod.process, 'exit')
    const from = performance.now()
    pod.process.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    expect(performance.now() - from).toBeLessThan(15_000)
    for (const { socket } of wires) socket.destroy()
  })

  it('finishes its deliveries on SIGTERM, and leaves the rest to the next pod', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    await slots.publish(400)
    const first = slots.start('blue')
    await eventually(() => expect(slots.mail.mails.length).toBeGreaterThan(20))
    const exit = once(first.process, 'exit')
    first.process.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    const next = slots.start('blue')
    await eventually(() => expect(slots.mail.mails.length).toBeGreaterThanOrEqual(400), 60_000)
    await eventually(async () =>
      expect(await next.manage('/accounting')).toMatchObject({
        own: { sent: 400, unsent: 0, repeats: 0 },
      }),
    )
  })

  it('loses nothing when it is killed, and ends at once on a second signal', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    await slots.publish(200)
    const first = slots.start('blue')
    await eventually(() => expect(slots.mail.mails.length).toBeGreaterThan(20))
    first.process.kill('SIGKILL')
    const next = slots.start('blue')
    await eventually(
      async () =>
        expect(await next.manage('/accounting').catch(() => null)).toMatchObject({
          own: { sent: 200, unsent: 0 },
        }),
      60_000,
    )
    expect(new Set(messageIds(slots.mail.mails)).size).toBe(200)

    const exit = once(next.process, 'exit')
    next.process.kill('SIGTERM')
    await eventually(async () =>
      expect(await next.manage('/readyz')).toMatchObject({ reason: 'ending' }),
    )
    next.process.kill('SIGTERM')
    expect(await exit).toEqual([1, null])
  })

  it('takes its role from the gate when it starts without the API server', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const first = slots.start('blue')
    await untilConsuming(first, true)
    first.process.kill('SIGKILL')

    slots.kubernetes.setDown(true)
    const [blue, green] = [slots.start('blue'), slots.start('green')]
    await Promise.all([untilReady(blue), untilReady(green), untilConsuming(blue, true)])
    const gate = { epoch: 1, color: 'blue', revision: 'revision-of-blue' }
    expect(await blue.manage('/role')).toMatchObject({ role: 'live', epoch: 1, gate })
    expect(await green.manage('/role')).toMatchObject({ role: 'unknown', consumers: 0, gate })
    await slots.publish(10)
    await eventually(() => expect(slots.mail.mails).toHaveLength(10))

    // The API server is back, and the Service has changed.
    slots.select('green')
    slots.kubernetes.setDown(false)
    await Promise.all([untilConsuming(blue, false), untilConsuming(green, true)])
    const next = { epoch: 2, color: 'green', revision: 'revision-of-green' }
    expect(await green.manage('/role')).toMatchObject({ role: 'live', epoch: 2, gate: next })
  })

  it('serves two planes, and trouble in the preview plane does not affect the live one', async () => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    slots.select('green', 'notification-preview')
    const [blue, green] = [slots.start('blue'), slots.start('green')]
    await Promise.all([untilReady(blue), untilReady(green), untilConsuming(blue, true)])
    const plane = async (port: number) => {
      const { headers } = await fetch(`http://127.0.0.1:${port}/healthz`)
      return [headers.get('x-shop-plane'), headers.get('connection')]
    }
    expect(await plane(blue.port)).toEqual(['live', 'keep-alive'])
    expect(await plane(blue.previewPort)).toEqual(['preview', 'close'])
    expect(await plane(green.port)).toEqual(['live', 'close'])
    await eventually(async () =>
      expect(await green.manage('/role')).toMatchObject({
        role: 'standby',
        gate: { epoch: 1, color: 'blue' },
        preview: { role: 'live', gate: { epoch: 1, color: 'green' } },
      }),
    )
    expect(await plane(green.previewPort)).toEqual(['preview', 'keep-alive'])

    const preview = openDatabase(slots.previewUrl)
    await preview.query('ALTER TABLE release_gate RENAME TO away')
    await preview.query('ALTER TABLE outbox RENAME TO outbox_away')
    for (const pod of [blue, green]) {
      expect(await pod.manage('/readyz')).toMatchObject({ ready: true })
    }
    await slots.publish(5)
    await eventually(() => expect(slots.mail.mails).toHaveLength(5))
    // A mail is sent before the transaction that counts its event commits.
    await eventually(async () =>
      expect(await blue.manage('/accounting?plane=live')).toMatchObject({
        plane: 'live',
        byEpoch: [{ epoch: 1, color: 'blue', handled: 5 }],
      }),
    )
    expect(await blue.manage('/accounting?plane=other')).toMatchObject({ status: 400 })
    expect(await blue.manage('/accounting?plane=preview')).toMatchObject({ status: 503 })
    expect(await blue.manage('/accounting/entries?after=1')).toMatchObject({ status: 400 })
    expect(await blue.manage('/accounting/entries?limit=0')).toMatchObject({ status: 400 })
  })
})
