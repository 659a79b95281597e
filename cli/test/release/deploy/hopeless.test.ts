// What does not come up: what is hopeless, how soon, and what may pass.
import { describe, expect, it } from 'vitest'
import { createJudge } from '../../../src/release/deploy/rollout.ts'
import type { Complaint, PodState, Rollout } from '../../../src/release/ports/cluster.ts'

function pod(complaint: Complaint | null, waiting: Complaint | null = null): PodState {
  const container = { name: 'order', restarts: 0, waiting, ended: null }
  return {
    name: 'order-1',
    ready: false,
    containers: waiting ? [container] : [],
    complaints: complaint ? [complaint] : [],
  }
}
function rollout(over: Partial<Rollout>): Rollout {
  return {
    slot: null,
    unavailableSince: null,
    pods: [],
    complaints: [],
    ending: 0,
    job: null,
    ...over,
  }
}
function create(message: string): Rollout {
  return rollout({ complaints: [{ reason: 'FailedCreate', message }] })
}
function scheduled(message: string, more: Complaint[] = []): Rollout {
  const { complaints, ...rest } = pod({ reason: 'Unschedulable', message })
  return rollout({ pods: [{ ...rest, complaints: [...complaints, ...more] }] })
}
function waits(reason: string, message: string): Rollout {
  return rollout({ pods: [pod(null, { reason, message })] })
}
function mounts(message: string): Rollout {
  const creating = { reason: 'ContainerCreating', message: '' }
  return rollout({ pods: [pod({ reason: 'FailedMount', message }, creating)] })
}

/** The second in which it is hopeless, and why. null: never within three minutes. */
function secondOf(now: Rollout): { second: number; what: string } | null {
  let second = 0
  const judge = createJudge(() => second * 1000)
  for (; second < 180; second += 1) {
    const verdict = judge(now)
    if (verdict?.kind === 'broken') return { second, what: verdict.what }
  }
  return null
}

const noRoom = (why: string, preemption: string): string =>
  `0/2 nodes are available: ${why}. preemption: 0/2 nodes are available: ${preemption}.`
const helpless = '2 Preemption is not helpful for scheduling'
const quota =
  'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'

describe('is hopeless', () => {
  it.each<[string, Rollout, number]>([
    ['a quota that is used up', create(quota), 15],
    ['a quota that needs limits', create('forbidden: failed quota: q: must specify limits.cpu'), 8],
    ['a webhook that denies', create('admission webhook "w" denied the request: timeout'), 8],
    ['a policy that denies', create("ValidatingAdmissionPolicy 'p' denied request: no"), 8],
    ['a Pod Security level', create('pods "a" is forbidden: violates PodSecurity "restricted"'), 8],
    ['a limit range', create('forbidden: maximum cpu usage per Container is 1, but limit is 2'), 8],
    ['no service account', create('error looking up service account: "a" not found'), 8],
    ['no priority class', create('forbidden: no PriorityClass with name a was found'), 8],
    ['no runtime class', create('pod rejected: RuntimeClass "a" not found'), 8],
    ['a node that is too small', scheduled(noRoom('2 Insufficient cpu', helpless)), 15],
    [
      'a selector of no node',
      scheduled(noRoom("2 node(s) didn't match Pod's node affinity/selector", helpless)),
      15,
    ],
    ['a taint', scheduled(noRoom('2 node(s) had untolerated taint {gpu: yes}', helpless)), 15],
    ['no claim', scheduled('0/1 nodes are available: persistentvolumeclaim "a" not found.'), 15],
    ['no Secret', waits('CreateContainerConfigError', 'secret "a" not found'), 8],
    ['no Secret to mount', mounts('MountVolume.SetUp failed: secret "a" not found'), 8],
    ['no such image', waits('ImagePullBackOff', 'Back-off: not found'), 0],
    [
      'an image of another platform',
      waits('ImagePullBackOff', 'no match for platform in manifest: not found'),
      0,
    ],
    ['a bad image name', waits('InvalidImageName', 'invalid reference'), 0],
    [
      'a paused Deployment',
      rollout({ complaints: [{ reason: 'DeploymentPaused', message: '' }] }),
      8,
    ],
  ])('%s, said in its own words', (_, now, second) => {
    const found = secondOf(now)
    const [complaint] = [...now.complaints, ...now.pods.flatMap(({ complaints }) => complaints)]
    const waiting = now.pods[0]?.containers[0]?.waiting
    const words = complaint?.message || waiting?.message || 'DeploymentPaused'
    expect(found).toEqual({ second, what: expect.stringContaining(words) })
  })

  it('a Job whose pods cannot be created, and one whose pod cannot start', () => {
    const job = { succeeded: false, failed: false, pods: [], complaints: [] }
    const denied = { ...job, complaints: create(quota).complaints }
    expect(secondOf(rollout({ job: denied }))).toMatchObject({
      second: 15,
      what: expect.stringMatching(/^the migration cannot start, FailedCreate: .*exceeded quota/),
    })
    const { pods } = waits('ImagePullBackOff', 'not found')
    expect(secondOf(rollout({ job: { ...job, pods } }))).toMatchObject({ second: 0 })
  })
})

describe('may pass', () => {
  const migrating = { succeeded: false, failed: false, pods: [pod(null)], complaints: [] }
  it.each<[string, Rollout]>([
    ['a quota while pods end', { ...create(quota), ending: 1 }],
    ['a quota while the migrations run', { ...create(quota), job: migrating }],
    ['a quota without a status yet', create('forbidden: status unknown for quota: q')],
    ['a webhook that is away', create('failed calling webhook "w": connection refused')],
    ['a server error', create('Internal error occurred: etcdserver: leader changed')],
    [
      'a cache of the kubelet',
      waits('CreateContainerConfigError', 'failed to sync secret cache: timed out'),
    ],
    ['a volume of that cache', mounts('failed to sync configmap cache: timed out')],
    ['a registry that is away', waits('ImagePullBackOff', 'dial tcp: connection refused')],
    ['the first pull', waits('ErrImagePull', 'not found')],
    ['a volume in use', mounts('Multi-Attach error')],
    [
      'pods that use the node',
      scheduled(noRoom('2 Insufficient cpu', '2 No preemption victims found')),
    ],
    [
      'a node that is not ready',
      scheduled(
        noRoom('2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }', helpless),
      ),
    ],
    [
      'pods that use some of the nodes',
      scheduled(
        '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found.',
      ),
    ],
    ['a drained node', scheduled(noRoom('2 node(s) were unschedulable', helpless))],
    [
      'a volume to come',
      scheduled(noRoom('pod has unbound immediate PersistentVolumeClaims', helpless)),
    ],
    ['no node', scheduled('no nodes available to schedule pods')],
  ])('%s', (_, now) => {
    expect(secondOf(now)).toBeNull()
  })

  it.each([
    'failed calling webhook "w": no endpoints available for service "w"',
    'failed to sync secret cache: context canceled',
    'dial tcp 10.0.0.1:443: i/o timeout',
    'dial tcp: lookup registry.test: operation timed out',
    'context deadline exceeded',
    'read: connection reset by peer',
    'unexpected EOF',
    '429 Too Many Requests',
    'unexpected status: 503 Service Unavailable',
    'Internal error occurred: leader changed',
    'etcdserver: leader changed',
    'the server is busy, try again later',
    'the object has been modified',
    'the server is currently unable to handle the request',
  ])('%s', (message) => {
    expect(secondOf(create(message))).toBeNull()
    expect(secondOf(waits('ImagePullBackOff', message))).toBeNull()
    expect(secondOf(waits('CreateContainerConfigError', message))).toBeNull()
    expect(
      secondOf(mounts(`MountVolume.SetUp failed: secret "a" not found: ${message}`)),
    ).toBeNull()
  })

  it('a node that is too small when an autoscaler adds one', () => {
    const added = { reason: 'TriggeredScaleUp', message: 'pod triggered scale-up' }
    const cpu = noRoom('2 Insufficient cpu', helpless)
    expect(secondOf(scheduled(cpu, [added]))).toBeNull()
  })

  it('what was seen for a moment only, again and again', () => {
    let clock = 0
    const judge = createJudge(() => clock)
    for (; clock < 60_000; clock += 1_000) {
      const now = clock % 5_000 === 0 ? rollout({}) : create('serviceaccount "a" not found')
      expect(judge(now)).toBeNull()
    }
  })
})
