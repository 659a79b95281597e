// What --dry-run shows, and how it ends.
import { describe, expect, it } from 'vitest'
import { previewResult } from '../../src/commands/preview.ts'
import { switchCommand } from '../../src/commands/switch.ts'
import type { Context } from '../../src/context.ts'
import type { Check } from '../../src/errors.ts'
import type { MovePreview } from '../../src/release/move/preview.ts'
import { createShop } from '../fakes/shop.ts'
import { aSide } from '../fakes/state.ts'
import { plain, widths, words } from './widths.ts'

const lock: Check = {
  ...{ name: 'lock', state: 'passed', message: 'no other command holds it' },
  ...{ code: null, hint: null },
}
const notSmoked: Check = {
  ...{ name: 'smoke', state: 'refused', code: 'not-smoked' },
  message:
    'No smoke test has passed for the slots that would be live: order new, the other services as they are.',
  hint: 'Run `shopctl smoke`, or `shopctl switch --skip-smoke --reason "…"`.',
}
const preview: MovePreview = {
  checks: [
    lock,
    { ...lock, name: 'interrupted', state: 'skipped', message: 'none' },
    { ...lock, name: 'live', state: 'warning', message: 'order blue is not ready' },
    { ...lock, name: 'events', state: 'unknown', message: 'the registry did not answer' },
  ],
  events: [
    {
      type: 'order.placed.v2',
      producedBy: [{ service: 'order', color: 'green' }],
      acceptedBy: [
        { service: 'inventory', color: 'blue' },
        { service: 'inventory', color: 'green' },
      ],
      unreadBy: [],
    },
  ],
  plan: {
    moves: [
      {
        ...{ name: 'order', from: aSide('blue', 'a'), to: aSide('green', 'b') },
        pods: { from: 3, to: 2 },
      },
      { name: 'web', from: null, to: aSide('blue', 'a'), pods: { from: null, to: 1 } },
    ],
    scales: [
      { service: 'order', color: 'green', replicas: 3, min: null, declared: null },
      { service: 'order', color: 'blue', replicas: null, min: 3, declared: null },
    ],
    restarts: ['web'],
    again: [{ name: 'payment', side: aSide('green', 'b') }],
    stays: [],
    hooks: ['The hook pre-switch (a.mjs) runs first, and may refuse it.'],
  },
}

it('is the list, who reads whose events, and the plan', () => {
  const { text, failure, summary, tables } = previewResult('test', 'switch', preview)
  expect(plain(text)).toBe(`✓ lock         no other command holds it
- interrupted  none
! live         order blue is not ready
? events       the registry did not answer

EVENT            PRODUCED BY  READ BY                NOT READ BY
order.placed.v2  order green  inventory blue, green  -

SERVICE  FROM      TO         PODS
order    blue v-a  green v-b  3 → 2
web      -         blue v-a   - → 1
payment green v-b is deployed again first.
order green gets 3 pods afterwards.
The autoscaler of order blue keeps at least 3 pods.
The old slot of web is restarted afterwards.
The hook pre-switch (a.mjs) runs first, and may refuse it.
Nothing was changed. \`shopctl switch\` would do this.`)
  expect(failure).toBeUndefined()
  expect(summary).toBe('switch would go on: 4 checks, none refuses it')
  expect(tables).toHaveLength(1)
})

describe('one that would be refused', () => {
  const checks = [lock, notSmoked, { ...notSmoked, name: 'ready', code: 'slot-not-ready' }]
  const result = previewResult('test', 'switch', { checks, events: [], plan: null })

  it.each(widths)('fits into %s columns, with what to do', (width) => {
    const found = words(plain(result.text, width))
    expect(found).toContain('✗ smoke No smoke test has passed')
    expect(found).toContain('Run `shopctl smoke`, or')
  })

  it('ends with exit code 2, and names the checks', () => {
    expect(result.failure).toMatchObject({
      ...{ exitCode: 2, code: 'not-smoked' },
      message: '`shopctl switch` would be refused: smoke, ready.',
    })
    expect(result.summary).toBe('switch would be refused: 2 of 3 checks')
    expect(result.tables).toEqual([])
  })

  it('has as JSON the error of the switch, the checks, and no plan', () => {
    const { code, message, hint } = notSmoked
    expect(result.document).toEqual({
      ...{ version: 1, env: 'test', verb: 'switch', dryRun: true, checks, events: [], plan: null },
      error: { code, message, hint },
    })
  })
})

it('as JSON has the plan with digests and pods', () => {
  const { document } = previewResult('test', 'rollback', preview)
  expect(document).toMatchObject({
    ...{ version: 1, env: 'test', verb: 'rollback', dryRun: true },
    plan: {
      services: [
        { name: 'order', to: { color: 'green', digest: 'sha256:b' }, pods: { from: 3, to: 2 } },
        { name: 'web' },
      ],
      ...{ restarts: ['web'], again: [{ name: 'payment' }] },
    },
  })
  expect(document).not.toHaveProperty('error')
})

it('asks for no confirmation, and changes nothing', async () => {
  const { world, config, release, commit, deploy, smoke } = createShop()
  await release()
  commit('b')
  await deploy()
  await smoke()
  const before = [...world.log]
  const context = {
    ...{ config, env: 'local', chosen: null, services: Object.keys(config.services) },
    environment: { ...config.environments.local, protected: true },
    ...{ clock: world.clock, progress: world.progress },
    cluster: async () => world,
    tree: async () => ({ registryAddress: '127.0.0.1:5000' }),
  } as unknown as Context
  const input = {
    ...{ color: null, skipSmoke: false, despiteAlerts: false, timeoutMs: 50 },
    ...{ reason: null, yes: false, overrideFreeze: false, lockWaitMs: null, probe: true },
    ...{ pauseBefore: false, watchMs: null, json: false },
  }
  const { document } = await switchCommand(context, { ...input, dryRun: true })
  expect(document).toMatchObject({ dryRun: true, plan: { services: [{}, {}] } })
  expect(world.log).toEqual(before)
  await expect(switchCommand(context, { ...input, dryRun: false })).rejects.toMatchObject({
    code: 'not-confirmed',
  })
  // Here stdin is no terminal.
  const paused = { ...input, yes: true, dryRun: false, pauseBefore: true }
  await expect(switchCommand(context, paused)).rejects.toMatchObject({
    ...{ code: 'no-terminal', exitCode: 2 },
    hint: expect.stringContaining('--dry-run'),
  })
  expect(world.log).toEqual(before)
})
