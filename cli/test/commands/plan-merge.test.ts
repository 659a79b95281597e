// What plan --from --to shows, and how it ends.
import { expect, it } from 'vitest'
import { planMergeCommand } from '../../src/commands/plan-merge.ts'
import type { Context } from '../../src/context.ts'
import type { MergePlan } from '../../src/release/ports/merge.ts'
import { plain, widths } from './widths.ts'

const changed: MergePlan = {
  from: { name: 'main', commit: 'a1'.repeat(20) },
  to: { name: 'HEAD', commit: 'b2'.repeat(20) },
  slots: [
    {
      ...{ service: 'order', color: 'green', action: 'changed', live: false },
      version: { from: '1.2.3', to: '2.0.0' },
      image: { from: `sha256:${'1'.repeat(64)}`, to: `sha256:${'2'.repeat(64)}` },
      revision: { from: '5f2a9c01aa', to: '77aabbccdd' },
      chart: null,
      replicas: { from: '2', to: null },
      config: ['LEVEL'],
      values: ['resources.limits.memory'],
    },
    {
      ...{ service: 'payment', color: 'blue', action: 'removed', live: true },
      version: { from: '1.2.3', to: null },
      ...{ image: null, revision: null, chart: null, replicas: null, config: [], values: [] },
    },
  ],
  moves: [
    {
      ...{ service: 'order', which: 'stable', release: 'r-41' },
      from: { color: 'blue', revision: 'a53843d0e0' },
      to: { color: 'green', revision: '77aabbccdd' },
    },
  ],
  refusals: [],
  notes: ['order went live in r-1 together with payment.'],
}

function run(plan: MergePlan) {
  const context = { env: 'production', comparison: async () => async () => plan }
  return planMergeCommand(context as unknown as Context, { from: 'main', to: 'HEAD' })
}

it('shows slots and moves in 80 columns', async () => {
  const { text, failure, summary } = await run(changed)
  for (const width of widths) plain(text, width)
  expect(plain(text)).toBe(`production, main (a1a1a1a1a1a1) → HEAD (b2b2b2b2b2b2)

SERVICE  SLOT        CHANGE                   FROM          TO
order    green       version                  1.2.3         2.0.0
order    green       image                    111111111111  222222222222
order    green       revision                 5f2a9c01aa    77aabbccdd
order    green       replicas                 2             -
order    green       config LEVEL
order    green       resources.limits.memory
payment  blue, live  removed                  1.2.3         -

SERVICE  TRAFFIC  FROM             TO                RELEASE
order    live     blue a53843d0e0  green 77aabbccdd  r-41

order went live in r-1 together with payment.`)
  expect(failure).toBeUndefined()
  expect(summary).toBe('2 slots change, 1 Services move')
})

it('says that nothing changes', async () => {
  const { text, tables } = await run({ ...changed, slots: [], moves: [], notes: [] })
  expect(plain(text)).toContain('No slot changes, and no Service moves.')
  expect(tables).toEqual([])
})

it('ends with 2 if something would be refused, with each place on a line', async () => {
  const refusal = { file: 'production/order/blue/values.yaml', line: 4, column: 5 }
  const refusals = [
    { ...refusal, message: 'order blue is live.' },
    { ...refusal, line: 7, message: 'expected text.' },
  ]
  const { failure, document } = await run({ ...changed, refusals })
  expect(failure?.exitCode).toBe(2)
  expect(failure?.message.split('\n')).toEqual([
    'This must not be merged:',
    '  production/order/blue/values.yaml:4:5: order blue is live.',
    '  production/order/blue/values.yaml:7:5: expected text.',
  ])
  expect(document).toMatchObject({ version: 1, env: 'production', refusals })
})
