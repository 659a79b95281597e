import { describe, expect, it } from 'vitest'
import { createJudge, pendingReasons } from '../../../src/release/deploy/rollout.ts'
import type { ContainerState, Rollout } from '../../../src/release/ports/cluster.ts'
import { aSlot } from '../../fakes/state.ts'

function container(over: Partial<ContainerState>): ContainerState {
  return {
    name: 'order',
    restarts: 0,
    waiting: null,
    ended: null,
    ...over,
  }
}
function rollout(over: Partial<Rollout>, ...containers: ContainerState[]): Rollout {
  return {
    slot: aSlot('green', 'b'),
    unavailableSince: null,
    pods: [{ name: 'order-1', ready: true, containers, complaints: [] }],
    complaints: [],
    ending: 0,
    job: null,
    ...over,
  }
}
function waiting(reason: string): ContainerState {
  return container({ waiting: { reason, message: 'why' } })
}
const running = { succeeded: false, failed: false, pods: [], complaints: [] }
const done = { succeeded: true, failed: false, pods: [], complaints: [] }

/** When it stands like this, second after second. */
function judged(now: Rollout, seconds = 60): ReturnType<ReturnType<typeof createJudge>> {
  let clock = 0
  const judge = createJudge(() => clock)
  for (; clock < seconds * 1000; clock += 1_000) {
    const verdict = judge(now)
    if (verdict) return verdict
  }
  return judge(now)
}

describe('a rollout', () => {
  const cases: [string, Rollout, string | null][] = [
    ['is ready with all its pods', rollout({}), 'ready'],
    ['is ready after its migrations', rollout({ job: done }), 'ready'],
    ['is on its way without its migrations', rollout({ job: running }), null],
    [
      'is on its way with some of its pods',
      rollout({ slot: aSlot('green', 'b', { ready: 1 }) }),
      null,
    ],
    ['is on its way before the Deployment is there', rollout({ slot: null }), null],
    [
      'is on its way while containers are made',
      rollout({ slot: null }, waiting('ContainerCreating')),
      null,
    ],
    ['is broken without its image', rollout({}, waiting('ImagePullBackOff')), 'broken'],
    [
      'is broken without its Secret',
      rollout({ slot: null }, waiting('CreateContainerConfigError')),
      'broken',
    ],
    ['is broken when it ends again and again', rollout({}, waiting('CrashLoopBackOff')), 'broken'],
    [
      'may end for want of its tables',
      rollout({ job: running }, waiting('CrashLoopBackOff')),
      null,
    ],
    [
      'is broken when its migration failed',
      rollout({ job: { ...running, failed: true } }),
      'broken',
    ],
  ]
  it.each(cases)('%s', (_, now, expected) => {
    expect(judged(now)?.kind ?? null).toBe(expected)
  })

  it('tells how often and with which code a container ended', () => {
    const crashed = container({
      restarts: 2,
      waiting: { reason: 'CrashLoopBackOff', message: '' },
      ended: { exitCode: 37, reason: 'Error' },
    })
    expect(judged(rollout({}, crashed))).toMatchObject({
      exitCode: 37,
      what: expect.stringContaining('exit code 37, 3 times'),
    })
  })

  it('names the reason why a container ended', () => {
    const killed = container({
      restarts: 1,
      waiting: { reason: 'CrashLoopBackOff', message: '' },
      ended: { exitCode: 137, reason: 'OOMKilled' },
    })
    expect(judged(rollout({}, killed))).toMatchObject({
      what: 'the container order ended with exit code 137 (OOMKilled), 2 times so far.',
    })
  })
})

describe('a slot that is not ready has', () => {
  it.each<[string, Rollout, string[]]>([
    ['no pod', rollout({ pods: [] }), ['No pod was created.']],
    [
      'a migration that has not ended',
      rollout({ job: { ...running, pods: [] } }),
      ['The migration Job has not ended.'],
    ],
    [
      'a migration that waits',
      rollout({
        job: {
          ...running,
          pods: [{ name: 'job-1', ready: false, containers: [waiting('Pulling')], complaints: [] }],
        },
      }),
      ['The migration Job has not ended.', 'job-1: Pulling: why'],
    ],
    ['a pod that waits', rollout({}, waiting('ErrImagePull')), ['order-1: ErrImagePull: why']],
    ['a pod that runs', rollout({}, container({})), []],
    [
      'pods that are not created',
      rollout({ pods: [], complaints: [{ reason: 'FailedCreate', message: 'no quota' }] }),
      ['No pod was created.', 'FailedCreate: no quota'],
    ],
    [
      'a migration whose pods are not created',
      rollout({
        job: { ...running, complaints: [{ reason: 'FailedCreate', message: 'no quota' }] },
      }),
      ['The migration Job has not ended.', 'FailedCreate: no quota'],
    ],
    [
      'a pod that finds no node',
      rollout({
        pods: [
          {
            ...{ name: 'order-1', ready: false, containers: [] },
            complaints: [{ reason: 'Unschedulable', message: '0/1 nodes are available' }],
          },
        ],
      }),
      ['order-1: Unschedulable: 0/1 nodes are available'],
    ],
  ])('%s', (_, now, lines) => {
    expect(pendingReasons(now)).toEqual(lines)
  })
})
