// What a deploy tells the later steps of a workflow.
import { expect, it } from 'vitest'
import { deployResult } from '../../src/commands/deploy.ts'
import type { Deployed } from '../../src/release/deploy/deploy.ts'

function deployed(service: string, action: Deployed['action']): Deployed {
  return { service, action, color: 'green', revision: 'a', version: 'v-a', tookMs: 1 }
}

it.each<[string, Deployed[], string[]]>([
  [
    'new slots',
    [deployed('order', 'upgrade'), deployed('payment', 'upgrade')],
    ['order', 'payment'],
  ],
  ['a run that is started again, and was not switched', [deployed('order', 'ready')], ['order']],
  ['one of two', [deployed('order', 'live'), deployed('payment', 'upgrade')], ['payment']],
  ['a run that is started again, and was switched', [deployed('order', 'live')], []],
])('%s', (_, services, standby) => {
  expect(deployResult('staging', services).outputs?.standby).toEqual(standby)
})

it('the color of each slot', () => {
  const services = [deployed('order', 'upgrade'), deployed('payment', 'live')]
  const colors = { order: 'green', payment: 'green' }
  expect(deployResult('staging', services).outputs?.colors).toEqual(colors)
})
