import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  charts,
  names,
  pick,
  renderService,
  renderSlot,
  serviceValues,
  slotValues,
} from './helm.ts'

// Texts that name a color would say nothing about the chart.
const text = fc.string().filter((value) => !/blue|green/.test(value))

const values = fc.record({
  replicas: fc.integer({ min: 1, max: 9 }),
  autoscaling: fc.option(
    fc.record({
      maxReplicas: fc.integer({ min: 1, max: 9 }),
      targetCPUUtilizationPercentage: fc.integer({ min: 1, max: 200 }),
    }),
    { nil: {} },
  ),
  config: fc.dictionary(fc.stringMatching(/^[A-Z]{4,9}_[A-Z]$/), text, { maxKeys: 3 }),
  secretName: fc.constantFrom('', 'other'),
  podDisruptionBudget: fc.record({ maxUnavailable: fc.integer({ min: 1, max: 9 }) }),
  edge: fc.constantFrom({}, { nodePort: 30080, previewNodePort: 30081 }),
})
const migrate = fc.boolean()
const service = fc.constantFrom('order', 'inventory', 'payment', 'notification')

it('slots share no object with each other nor with what both use, whatever the values', async () => {
  await fc.assert(
    fc.asyncProperty(service, values, migrate, migrate, async (name, values, first, second) => {
      const [blue, green, shared] = await Promise.all([
        renderSlot(name, 'blue', {
          values: { ...values, ...slotValues(name, 'blue', { migrate: first }) },
        }),
        renderSlot(name, 'green', {
          values: { ...values, ...slotValues(name, 'green', { migrate: second }) },
        }),
        renderService(name, { edge: values.edge, ...serviceValues(name) }),
      ])
      const all = [blue, green, shared].flatMap(names)
      expect(new Set(all).size).toBe(all.length)
      expect(JSON.stringify(blue)).not.toContain('green')
      expect(JSON.stringify(green)).not.toContain('blue')
      expect(JSON.stringify(shared)).not.toMatch(/blue|green|selector/)
    }),
    { numRuns: 25 },
  )
})

it('what both slots use stays the same whatever a slot is given: it takes none of it', async () => {
  const same = await renderService('order')
  await fc.assert(
    fc.asyncProperty(values, async ({ edge, ...ofSlots }) => {
      const given = { ...ofSlots, ...serviceValues('order') }
      await expect(renderService('order', given)).rejects.toThrow('additional properties')
      const atEdge = await renderService('order', { edge, ...serviceValues('order') })
      expect(names(atEdge)).toEqual(names(same))
      for (const kind of ['Role', 'RoleBinding', 'ServiceAccount'])
        expect(pick(atEdge, kind, 'order')).toEqual(pick(same, kind, 'order'))
    }),
    { numRuns: 10 },
  )
})

it('no template asks the cluster, so that `helm template` renders what an upgrade applies', () => {
  const templates = globSync(join(charts, 'shop-{slot,service,guard}/templates/*'))
  expect(templates.length).toBeGreaterThan(6)
  for (const template of templates) {
    expect(readFileSync(template, 'utf8')).not.toMatch(/\blookup\b/)
  }
})
