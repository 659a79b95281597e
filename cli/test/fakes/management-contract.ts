// The contract of the management port: in memory, and behind a real HTTP proxy.
import { expect, it } from 'vitest'
import type { Management } from '../../src/release/ports/cluster.ts'

export interface ManagementUnderTest {
  /** Of `order`, with messages at `/messages` and accounting at `/accounting`. */
  management: Management
  /** An existing pod with three entries, ids `1` to `3`, and one message, `parked-1`. */
  pod: string
  /** A pod that does not exist. */
  gone: string
}

const { signal } = new AbortController()

export async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

export function managementContract(make: () => Promise<ManagementUnderTest>): void {
  it('has the paths of shopctl.yaml', async () => {
    const { management } = await make()
    expect(management.path('order', 'messages')).toBe('/messages')
    expect(management.path('order', 'accounting')).toBe('/accounting')
  })

  it('returns status and body, also for errors of the service', async () => {
    const { management, pod } = await make()
    const found = await management.ask('order', pod, 'GET', '/messages/parked-1', signal)
    expect(found?.status).toBe(200)
    expect(JSON.parse(found?.body ?? '')).toMatchObject({ id: 'parked-1' })
    const missing = await management.ask('order', pod, 'GET', '/messages/unknown', signal)
    expect(missing?.status).toBe(404)
    expect(JSON.parse(missing?.body ?? '')).toHaveProperty('detail')
  })

  it('forwards a POST about a message', async () => {
    const { management, pod } = await make()
    const done = await management.ask('order', pod, 'POST', '/messages/parked-1/discard', signal)
    expect(done).toEqual({ status: 204, body: '' })
    const after = await management.ask('order', pod, 'GET', '/messages/parked-1', signal)
    expect(after).toMatchObject({ status: 404 })
  })

  it('returns entries line by line, after an id and up to a limit', async () => {
    const { management, pod } = await make()
    const path = '/accounting/entries?plane=live&limit=1&after=1'
    const lines = await collect(management.lines('order', pod, path, signal))
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(['2'])
  })

  it('returns null for a pod that does not exist', async () => {
    const { management, gone } = await make()
    expect(await management.ask('order', gone, 'GET', '/messages/parked-1', signal)).toBeNull()
  })
}
