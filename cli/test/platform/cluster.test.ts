// The API server's state from before a restart does not count.
import { expect, it } from 'vitest'
import { isNodeReady, outdatedPods } from '../../src/platform/cluster.ts'

function at(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

it.each([
  ['ready, and said so since the start', 'True', 100, true],
  ['ready, as an earlier kubelet said', 'True', 99, false],
  ['not ready', 'False', 101, false],
])('a node that is %s', (_, status, heartbeat, ready) => {
  const conditions = [{ type: 'Ready', status, lastHeartbeatTime: at(heartbeat) }]
  expect(isNodeReady({ status: { conditions } }, 100)).toBe(ready)
})

it('a node that does not exist yet is not ready', () => {
  expect(isNodeReady({}, 100)).toBe(false)
})

function pod(name: string, phase: string, ready: string, startedAt: number) {
  return {
    metadata: { namespace: 'shop', name },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready }],
      containerStatuses: [{ state: { running: { startedAt: at(startedAt) } } }],
    },
  }
}

it('finds pods that are Ready with containers from before the restart', () => {
  const pods = [
    pod('fresh', 'Running', 'True', 101),
    pod('outdated', 'Running', 'True', 50),
    pod('known-to-be-away', 'Running', 'False', 50),
    pod('finished', 'Succeeded', 'True', 50),
  ]
  expect(outdatedPods(pods, 100).map(({ metadata }) => metadata.name)).toEqual(['outdated'])
})
