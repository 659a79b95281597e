// What the management port of pods does, the one in memory and one behind a real HTTP proxy.
import { expect, it } from 'vitest'
import type { Management } from '../../src/release/ports.ts'

export interface ManagementUnderTest {
  management: Management
  /** A pod that is there: three orders, ids `1` to `3`, and one message, `parked-1`. */
  pod: string
  /** A pod that is not. */
  gone: string
}

const { signal } = new AbortController()

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

export function managementContract(make: () => Promise<ManagementUnderTest>): void {
  it('answers with a status and a body, errors of the service too', async () => {
    const { management, pod } = await make()
    const found = await management.ask(pod, 'GET', '/messages/parked-1', signal)
    expect(found?.status).toBe(200)
    expect(JSON.parse(found?.body ?? '')).toMatchObject({ id: 'parked-1' })
    const missing = await management.ask(pod, 'GET', '/messages/unknown', signal)
    expect(missing?.status).toBe(404)
    expect(JSON.parse(missing?.body ?? '')).toHaveProperty('detail')
  })

  it('is told what to do about a message', async () => {
    const { management, pod } = await make()
    const done = await management.ask(pod, 'POST', '/messages/parked-1/discard', signal)
    expect(done).toEqual({ status: 204, body: '' })
    expect(await management.ask(pod, 'GET', '/messages/parked-1', signal)).toMatchObject({
      status: 404,
    })
  })

  it('gives orders line by line, from one on and so many', async () => {
    const { management, pod } = await make()
    const lines = await collect(
      management.lines(pod, '/accounting/orders?plane=live&limit=1&after=1', signal),
    )
    expect(lines.map((line) => JSON.parse(line).orderId)).toEqual(['2'])
  })

  it('says nothing for a pod that is not there', async () => {
    const { management, gone } = await make()
    expect(await management.ask(gone, 'GET', '/messages/parked-1', signal)).toBeNull()
  })
}
