// What the management port of pods does, the one in memory and one behind a real HTTP proxy.
import { expect, it } from 'vitest'
import type { Management } from '../../src/release/ports/cluster.ts'

export interface ManagementUnderTest {
  /** Of `order`, which answers for messages on `/messages` and for accounting on `/accounting`. */
  management: Management
  /** A pod that is there: three entries, ids `1` to `3`, and one message, `parked-1`. */
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
  it('has the paths that shopctl.yaml names', async () => {
    const { management } = await make()
    expect(management.path('order', 'messages')).toBe('/messages')
    expect(management.path('order', 'accounting')).toBe('/accounting')
  })

  it('answers with a status and a body, errors of the service too', async () => {
    const { management, pod } = await make()
    const found = await management.ask('order', pod, 'GET', '/messages/parked-1', signal)
    expect(found?.status).toBe(200)
    expect(JSON.parse(found?.body ?? '')).toMatchObject({ id: 'parked-1' })
    const missing = await management.ask('order', pod, 'GET', '/messages/unknown', signal)
    expect(missing?.status).toBe(404)
    expect(JSON.parse(missing?.body ?? '')).toHaveProperty('detail')
  })

  it('is told what to do about a message', async () => {
    const { management, pod } = await make()
    const done = await management.ask('order', pod, 'POST', '/messages/parked-1/discard', signal)
    expect(done).toEqual({ status: 204, body: '' })
    const after = await management.ask('order', pod, 'GET', '/messages/parked-1', signal)
    expect(after).toMatchObject({ status: 404 })
  })

  it('gives entries line by line, from one on and so many', async () => {
    const { management, pod } = await make()
    const path = '/accounting/entries?plane=live&limit=1&after=1'
    const lines = await collect(management.lines('order', pod, path, signal))
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(['2'])
  })

  it('says nothing for a pod that is not there', async () => {
    const { management, gone } = await make()
    expect(await management.ask('order', gone, 'GET', '/messages/parked-1', signal)).toBeNull()
  })
}
