import { expect, it } from 'vitest'
import { showWarnings } from '../../../src/release/deploy/warnings.ts'
import type { PodState, Pods, Rollout } from '../../../src/release/ports/cluster.ts'
import { createShop } from '../../fakes/shop.ts'

const container = { name: 'migrate', restarts: 0, waiting: null, ended: null }
const pod: PodState = {
  name: 'order-blue-migrate-1',
  ready: false,
  containers: [container],
  complaints: [],
}
const ended: Rollout['job'] = { succeeded: true, failed: false, pods: [pod], complaints: [] }

async function shown(job: Rollout['job'], log: () => Promise<string>): Promise<string[]> {
  const warnings: string[] = []
  const progress = {
    step: <T>(_: string, run: (say: () => void) => Promise<T>) => run(() => {}),
    note: () => {},
    warn: (line: string) => void warnings.push(line),
  }
  const pods = { ...createShop().world.pods, logs: log }
  await showWarnings({ pods, progress }, 'order', { job })
  return warnings
}

it.each<[string, Rollout['job'], () => Promise<string>, string[]]>([
  [
    'the warnings of the migration Job',
    ended,
    async () => 'preview: applied\nwarning: live: 0007.sql: big\nlive: applied',
    ['order: live: 0007.sql: big'],
  ],
  ['nothing without a Job', null, async () => 'warning: x', []],
  ['nothing without its pod', { ...ended, pods: [] }, async () => 'warning: x', []],
  [
    'nothing when its log is gone',
    ended,
    async () => {
      throw new Error('gone')
    },
    [],
  ],
])('shows %s', async (_, job, log, expected) => {
  expect(await shown(job, log)).toEqual(expected)
})

it('a deploy shows them once the slot is ready', async () => {
  const { world, deploy } = createShop()
  const { awaitRollout } = world.pods
  const pods: Pods = {
    ...world.pods,
    logs: async () => 'warning: 0007.sql: big',
    awaitRollout: (slot, judge, options) =>
      awaitRollout(slot, (rollout) => judge({ ...rollout, job: ended }), options),
  }
  await deploy({ services: ['order'] }, { pods })
  expect(world.progress.lines).toContain('! order: 0007.sql: big')
})
