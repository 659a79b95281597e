// The accounts of the services, collected and given to a script of the project.
import { describe, expect, it } from 'vitest'
import { type AuditInput, audit } from '../../src/inspect/audit.ts'
import { names } from '../fakes/shop.ts'
import { waiting } from '../fakes/state.ts'
import { createWorld, type World } from '../fakes/world.ts'

function aWorld(): World {
  return createWorld(names, { order: waiting(), payment: waiting() })
}

/** The script may print more fields. */
const sum = {
  balanced: true,
  violations: [],
  parcels: { sent: 1, lost: 0 },
  byEpoch: [{ epoch: 1 }],
}

const input: AuditInput = {
  plane: 'live',
  namespaceName: 'shop',
  waitMs: null,
  script: 'audit.ts',
}

describe('an audit', () => {
  it('hands the script what the services know, upstream first', async () => {
    const world = aWorld()
    world.books.order?.entries.push({ id: '1', status: 'confirmed' })
    world.books.payment?.entries.push({ id: '1', captures: 1 })
    world.programs.outputs['audit.ts'] = `${JSON.stringify(sum)}\n`
    expect(await audit(world, input)).toEqual(sum)
    const { files } = world.scratch
    expect(Object.keys(files)).toEqual([
      'order.json',
      'order.entries.ndjson',
      'payment.json',
      'payment.entries.ndjson',
    ])
    expect(files['order.entries.ndjson']).toBe('{"id":"1","status":"confirmed"}\n')
    expect(JSON.parse(files['order.json'] ?? '')).toMatchObject({ queued: 0, inFlight: 0 })
    expect(world.programs.scripts).toEqual([
      {
        file: 'audit.ts',
        env: {
          SHOPCTL_ACCOUNTING: '/scratch',
          SHOPCTL_PLANE: 'live',
          SHOPCTL_NAMESPACE: 'shop',
          SHOPCTL_QUIET: 'false',
        },
      },
    ])
  })

  it('waits until nothing is in flight with --wait, and the script knows', async () => {
    const world = aWorld()
    world.programs.outputs['audit.ts'] = JSON.stringify(sum)
    await audit(world, { ...input, waitMs: 5_000 })
    expect(world.progress.lines).toEqual(['wait until nothing is in flight', 'read the accounts'])
    expect(world.programs.scripts[0]?.env).toMatchObject({ SHOPCTL_QUIET: 'true' })
  })

  it('returns the violations as the script has them', async () => {
    const world = aWorld()
    const violations = [
      { rule: 'a parcel without an address', parcels: ['p-1', 'p-2'], count: 30 },
      { rule: 'a bill paid twice', bills: [7] },
    ]
    world.programs.outputs['audit.ts'] = JSON.stringify({ balanced: false, violations })
    expect(await audit(world, input)).toEqual({ balanced: false, violations })
  })

  const bad: [string, string, RegExp][] = [
    ['nothing', '', /printed no JSON document but:\nnothing/],
    ['text', 'one\ntwo', /no JSON document but:\none\ntwo/],
    ['another document', '{"balanced":"yes"}', /a document that is not an audit[\s\S]*balanced/],
    ['no violations', '{"balanced":true}', /a document that is not an audit[\s\S]*violations/],
    [
      'one without a rule',
      '{"balanced":true,"violations":[{}]}',
      /a document that is not an audit[\s\S]*rule/,
    ],
  ]
  it.each(bad)(
    'of a script that prints %s fails with what it printed',
    async (_, text, message) => {
      const world = aWorld()
      world.programs.outputs['audit.ts'] = text
      await expect(audit(world, input)).rejects.toMatchObject({
        code: 'bad-audit',
        exitCode: 1,
        message: expect.stringMatching(message),
      })
    },
  )

  it('of a script that fails shows its last lines', async () => {
    const world = aWorld()
    world.programs.failing.add('audit.ts')
    await expect(audit(world, input)).rejects.toMatchObject({
      code: 'audit-failed',
      message: expect.stringContaining('expected 200, got 503'),
    })
  })

  it.each([null, 5_000])(
    'is refused while a service has nothing that serves, with --wait %s',
    async (waitMs) => {
      const world = createWorld(names, { order: waiting() })
      await expect(audit(world, { ...input, waitMs })).rejects.toMatchObject({
        code: 'nothing-live',
        exitCode: 2,
        message: expect.stringContaining('payment'),
      })
    },
  )

  it('leaves out a service that does not answer for its work', async () => {
    const world = createWorld(names, { order: waiting() })
    world.faults.plain.add('payment')
    world.programs.outputs['audit.ts'] = JSON.stringify(sum)
    await audit(world, input)
    expect(Object.keys(world.scratch.files)).toEqual(['order.json', 'order.entries.ndjson'])
  })

  it('is refused where no service does', async () => {
    const world = aWorld()
    for (const name of names) world.faults.plain.add(name)
    await expect(audit(world, input)).rejects.toMatchObject({
      code: 'no-accounting',
      exitCode: 2,
      hint: expect.stringContaining('management.accounting'),
    })
  })

  it('names the service of which no pod answers', async () => {
    const world = aWorld()
    world.faults.mute.add('payment')
    await expect(audit(world, input)).rejects.toMatchObject({
      code: 'not-answered',
      message: expect.stringContaining('No pod of payment answers'),
    })
  })
})
