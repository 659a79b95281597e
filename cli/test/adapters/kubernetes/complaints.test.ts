// What the cluster says of objects that do not come up, from its conditions and events.
import { expect, it } from 'vitest'
import { rolloutOf, type SlotParts } from '../../../src/adapters/kubernetes/rollout.ts'
import { slotLabels } from '../../../src/release/slot.ts'

const revision = 'b'
const nothing: SlotParts = { deployments: [], pods: [], jobs: [], jobPods: [], events: [] }
const labels = slotLabels('order', { color: 'green', revision })
const quota = 'pods "order-green-1" is forbidden: exceeded quota: q'

function event(uid: string, reason: string, message: string, more: object = {}) {
  const about = { kind: 'Pod', name: uid, uid }
  return { ...{ metadata: {}, involvedObject: about, type: 'Warning' }, reason, message, ...more }
}
function at(second: number) {
  return { lastTimestamp: new Date(second * 1_000) }
}
function pod(more: object = {}): SlotParts['pods'] {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a', uid: 'a', controller: true }
  return [
    { metadata: { name: 'order-green-1', uid: 'pod', labels, ownerReferences: [owner] }, ...more },
  ]
}
function deployment(conditions: object[], [generation, observedGeneration] = [2, 2]): SlotParts {
  const status = { conditions, observedGeneration }
  const found = { metadata: { name: 'order-green', labels, generation }, spec: {}, status }
  return { ...nothing, deployments: [found as never] }
}
const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: quota }

/** As one line each. */
function complaintsOf(parts: SlotParts): string[] {
  const { complaints, pods, job } = rolloutOf(revision, parts)
  const all = [
    ...complaints,
    ...pods.flatMap((each) => each.complaints),
    ...(job?.complaints ?? []),
  ]
  return all.map(({ reason, message }) => `${reason}: ${message}`)
}

it.each<[string, SlotParts, string[]]>([
  ['a quota or a webhook that allows no pod', deployment([failure]), [`FailedCreate: ${quota}`]],
  [
    'a Deployment that is paused',
    deployment([{ type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused' }]),
    ['DeploymentPaused: '],
  ],
  [
    'nothing of a Deployment that goes on',
    deployment([
      { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' },
      { ...failure, status: 'False' },
    ]),
    [],
  ],
  ['nothing that is about an earlier template', deployment([failure], [3, 2]), []],
  [
    'a pod that finds no node',
    {
      ...nothing,
      pods: pod({
        status: {
          conditions: [
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'Unschedulable',
              message: '2 Insufficient cpu',
            },
            { type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
          ],
        },
      }),
    },
    ['Unschedulable: 2 Insufficient cpu'],
  ],
  [
    'the latest warning of a pod, in whatever order they come',
    {
      ...nothing,
      pods: pod(),
      events: [
        event('pod', 'FailedMount', 'secret "smtp" not found', at(2)),
        event('pod', 'FailedMount', 'failed to sync secret cache', at(1)),
      ],
    },
    ['FailedMount: secret "smtp" not found'],
  ],
  [
    'no warning that is over',
    {
      ...nothing,
      pods: pod(),
      events: [
        event('pod', 'FailedMount', 'secret "smtp" not found', at(1)),
        event('pod', 'Started', 'Started container', { type: 'Normal', ...at(2) }),
      ],
    },
    [],
  ],
  [
    'nothing that a container says itself',
    {
      ...nothing,
      pods: pod(),
      events: [
        event('pod', 'FailedMount', 'secret "smtp" not found', at(1)),
        event('pod', 'BackOff', 'Back-off pulling image', at(2)),
      ],
    },
    ['FailedMount: secret "smtp" not found'],
  ],
  [
    'an autoscaler that adds a node',
    {
      ...nothing,
      pods: pod(),
      events: [event('pod', 'TriggeredScaleUp', 'pod triggered scale-up', { type: 'Normal' })],
    },
    ['TriggeredScaleUp: pod triggered scale-up'],
  ],
  [
    'nothing of another pod',
    { ...nothing, pods: pod(), events: [event('other', 'FailedMount', 'no')] },
    [],
  ],
  [
    'a claim without a volume',
    {
      ...nothing,
      pods: pod({
        spec: {
          containers: [],
          volumes: [{ name: 'a', persistentVolumeClaim: { claimName: 'data' } }],
        },
      }),
      events: [
        event('claim', 'ProvisioningFailed', 'no storage class', {
          involvedObject: { kind: 'PersistentVolumeClaim', name: 'data' },
        }),
      ],
    },
    ['ProvisioningFailed: no storage class'],
  ],
  [
    'a Job whose pods are not created',
    {
      ...nothing,
      jobs: [{ metadata: { name: 'order-green-migrate', uid: 'job' } }],
      events: [event('job', 'FailedCreate', quota)],
    },
    [`FailedCreate: ${quota}`],
  ],
  [
    'nothing of a Job whose pod runs by now',
    {
      ...nothing,
      jobs: [{ metadata: { name: 'order-green-migrate', uid: 'job' } }],
      jobPods: [
        {
          metadata: {
            name: 'order-green-migrate-1',
            ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'a', uid: 'job' }],
          },
          status: { phase: 'Running' },
        },
      ],
      events: [event('job', 'FailedCreate', quota)],
    },
    [],
  ],
  [
    'a Job that failed',
    {
      ...nothing,
      jobs: [
        {
          metadata: { uid: 'job' },
          status: {
            conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }],
          },
        },
      ],
    },
    ['BackoffLimitExceeded: '],
  ],
])('of a slot it says: %s', (_, parts, lines) => {
  expect(complaintsOf(parts)).toEqual(lines)
})

it('says when: an event by its latest time, a condition since its change', () => {
  const lastTransitionTime = '2026-01-01T12:00:00Z'
  const series = { count: 2, lastObservedTime: '2026-01-01T12:00:02.000000Z' }
  const more = { lastTimestamp: '2026-01-01T12:00:01Z', series }
  const { complaints, pods } = rolloutOf(revision, {
    ...deployment([{ ...failure, lastTransitionTime }]),
    pods: pod(),
    events: [event('pod', 'FailedMount', 'no', more)] as never,
  })
  expect(complaints).toEqual([{ reason: 'FailedCreate', message: quota, at: lastTransitionTime }])
  const at = '2026-01-01T12:00:02.000000Z'
  expect(pods[0]?.complaints).toEqual([{ reason: 'FailedMount', message: 'no', at }])
})

it('says when a container ended, and how much memory it may use', () => {
  const terminated = { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-01-01T12:00:00Z' }
  const status = { name: 'order', restartCount: 1, lastState: { terminated } }
  const { pods } = rolloutOf(revision, {
    ...nothing,
    pods: pod({
      spec: { containers: [{ name: 'order', resources: { limits: { memory: '64Mi' } } }] },
      status: { containerStatuses: [status] },
    }),
  })
  expect(pods[0]?.containers).toEqual([
    {
      ...{ name: 'order', restarts: 1, waiting: null, memoryLimit: '64Mi' },
      ended: { exitCode: 137, reason: 'OOMKilled', at: '2026-01-01T12:00:00Z' },
    },
  ])
})
