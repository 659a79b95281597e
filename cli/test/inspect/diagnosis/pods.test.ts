// Why a slot does not come up: its containers, its migration, its nodes.
import { describe, expect, it } from 'vitest'
import { findingsOf } from '../../../src/inspect/diagnosis/diagnose.ts'
import type { SlotFacts } from '../../../src/inspect/diagnosis/facts.ts'
import type { Complaint, ContainerState } from '../../../src/release/ports/cluster.ts'
import { aContainer, aPod, aRollout, aScene, before, codesOf, unready } from './scene.ts'

/** What is found of green, whose only pod is this. */
function found(green: Partial<SlotFacts>) {
  return findingsOf(aScene({ service: unready(), green }))
}

function ofContainer(over: Partial<ContainerState>, more: Partial<SlotFacts> = {}) {
  return found({ rollout: aRollout({ pods: [aPod({ containers: [aContainer(over)] })] }), ...more })
}

function ofComplaint(complaint: Complaint) {
  return found({ rollout: aRollout({ complaints: [complaint] }) })
}

describe('a container that ends', () => {
  const crashed = {
    restarts: 4,
    waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' },
    ended: { exitCode: 37, reason: 'Error', at: before(20) },
  }
  const text = [
    '{"level":"fatal","time":"2026-01-01T11:59:40Z","msg":"cannot start","err":{"message":"no url","stack":"x"}}',
    'connect amqp://order:s3cr3t@rabbitmq failed',
  ].join('\n')

  it('is a crash, with its exit code, and its last lines without logins', () => {
    const logs = [{ pod: 'order-green-1', container: 'order', text }]
    expect(ofContainer(crashed, { logs })).toEqual([
      {
        ...{ service: 'order', color: 'green', cause: 'crash' },
        what: 'its container order ends with exit code 37 again and again.',
        evidence: [
          'order-green-1: exit code 37, 4 restarts, 20 s ago',
          'the last lines of order-green-1:\n  fatal cannot start err=no url\n  connect amqp://***@rabbitmq failed',
        ],
        hint: '`shopctl logs order --color green` shows more. Fix the cause, then `shopctl deploy --service order`.',
      },
    ])
  })

  it('is no probe that is not answered', () => {
    const answers = [{ pod: 'order-green-1', text: 'no answer' }]
    expect(codesOf(ofContainer({ ...crashed, waiting: null }, { answers }))).toEqual([
      'order green: crash',
    ])
  })

  it('is a lack of memory, with the limit', () => {
    const ended = { exitCode: 137, reason: 'OOMKilled' }
    expect(ofContainer({ ...crashed, ended, memoryLimit: '64Mi' })[0]).toMatchObject({
      cause: 'out-of-memory',
      what: 'its container order needs more memory than it may use, 64Mi.',
      evidence: ['order-green-1: exit code 137 (OOMKilled), 4 restarts'],
    })
  })

  it('is killed where its liveness probe fails', () => {
    const message = 'Liveness probe failed: HTTP probe failed with statuscode: 500'
    const ended = { exitCode: 137, reason: 'Error' }
    const containers = [aContainer({ restarts: 1, ended })]
    const complaints = [{ reason: 'Unhealthy', message }]
    const [first] = found({ rollout: aRollout({ pods: [aPod({ containers, complaints })] }) })
    expect(first).toMatchObject({
      cause: 'crash',
      what: 'its container order is killed: its liveness probe fails.',
    })
    expect(first?.evidence).toContain(`order-green-1: Unhealthy: ${message}`)
  })

  it('names why it could not be started', () => {
    const ended = { exitCode: 128, reason: 'StartError', message: 'exec: "nod": not found' }
    expect(ofContainer({ ...crashed, ended })[0]?.evidence).toEqual([
      'order-green-1: exit code 128 (StartError), 4 restarts: exec: "nod": not found',
    ])
  })

  it('is no trouble where it is a step that has done its work', () => {
    const step = aContainer({ name: 'init', ended: { exitCode: 0, reason: 'Completed' } })
    const pods = [aPod({ containers: [step, aContainer()] })]
    expect(codesOf(found({ rollout: aRollout({ pods }) }))).toEqual(['order green: unknown'])
  })

  it.each([
    [60, ['order green: crash']],
    [3_600, []],
  ])('and runs again since %s s is said of a slot that is ready: %s', (seconds, codes) => {
    const ended = { exitCode: 1, reason: 'Error', at: before(seconds) }
    const pods = [aPod({ ready: true, containers: [aContainer({ restarts: 1, ended })] })]
    expect(codesOf(findingsOf(aScene({ green: { rollout: aRollout({ pods }) } })))).toEqual(codes)
  })

  it('is not blamed where it ended long ago, and its pod says what is missing now', () => {
    const ended = { exitCode: 1, reason: 'Error', at: before(86_400) }
    const answers = [{ pod: 'order-green-1', text: '{"database":false}' }]
    const codes = codesOf(ofContainer({ restarts: 1, ended }, { answers }))
    expect(codes).toEqual(['order green: database-away'])
    const waiting = { reason: 'CrashLoopBackOff', message: '' }
    expect(codesOf(ofContainer({ restarts: 9, ended, waiting }))).toEqual(['order green: crash'])
  })

  it('is not blamed while its migration runs', () => {
    const job = { succeeded: false, failed: false, pods: [aPod({ name: 'm-1' })], complaints: [] }
    const pods = [aPod({ containers: [aContainer(crashed)] })]
    expect(codesOf(found({ rollout: aRollout({ job, pods }) }))).toEqual([
      'order green: migration-running',
    ])
  })
})

describe('a migration', () => {
  const ended = { exitCode: 1, reason: 'Error', at: before(5) }
  const pods = [aPod({ name: 'm-1', containers: [aContainer({ name: 'migrate', ended })] })]
  const logs = [{ pod: 'm-1', container: 'migrate', text: 'live: migration failed: no such table' }]
  const gaveUp = { reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' }

  it('that failed comes first, with its last lines', () => {
    const job = { succeeded: false, failed: true, pods, complaints: [gaveUp, gaveUp] }
    const crashing = aPod({ containers: [aContainer({ restarts: 2, ended })] })
    const all = found({ rollout: aRollout({ job, pods: [crashing] }), logs })
    expect(codesOf(all)).toEqual(['order green: migration-failed', 'order green: crash'])
    expect(all[0]).toMatchObject({
      what: 'its migration failed.',
      evidence: [
        'm-1: exit code 1, 5 s ago',
        'BackoffLimitExceeded: Job has reached the limit',
        'the last lines of m-1:\n  live: migration failed: no such table',
      ],
      hint: expect.stringContaining('`kubectl --namespace shop logs job/order-green-migrate`'),
    })
  })

  it('that failed and is tried again says so', () => {
    const job = { succeeded: false, failed: false, pods, complaints: [] }
    const [first] = found({ rollout: aRollout({ job }), logs })
    expect(first).toMatchObject({
      cause: 'migration-failed',
      what: 'its migration failed, and is tried again.',
    })
  })

  it('may lack memory', () => {
    const killed = { exitCode: 137, reason: 'OOMKilled' }
    const of = [aPod({ name: 'm-1', containers: [aContainer({ ended: killed })] })]
    const job = { succeeded: false, failed: true, pods: of, complaints: [] }
    expect(found({ rollout: aRollout({ job }) })[0]?.cause).toBe('out-of-memory')
  })

  it('that succeeded is no trouble', () => {
    const job = { succeeded: true, failed: false, pods, complaints: [] }
    expect(findingsOf(aScene({ green: { rollout: aRollout({ job }) } }))).toEqual([])
  })
})

describe('pods that are not made', () => {
  const quota =
    'pods "order-green-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'

  it.each([
    ['quota', 'FailedCreate', quota],
    ['denied', 'FailedCreate', 'admission webhook "a.b" denied the request: no'],
    ['denied', 'FailedCreate', 'pods "a" is forbidden: violates PodSecurity "restricted:latest"'],
    [
      'denied',
      'FailedCreate',
      'pods "a" is forbidden: error looking up service account shop/order',
    ],
    ['pods-not-created', 'FailedCreate', 'failed calling webhook "a.b": connection refused'],
    ['rollout-paused', 'DeploymentPaused', 'Deployment is paused'],
  ])('%s: %s %s', (cause, reason, message) => {
    expect(ofComplaint({ reason, message, at: before(60) })).toMatchObject([
      { cause, evidence: [`${reason}, 60 s ago: ${message}`] },
    ])
  })

  it('names the quota of a migration', () => {
    const job = {
      ...{ succeeded: false, failed: false, pods: [] },
      complaints: [{ reason: 'FailedCreate', message: quota }],
    }
    expect(found({ rollout: aRollout({ job }) })[0]?.cause).toBe('quota')
  })

  it.each([
    [
      '0/3 nodes are available: 3 Insufficient cpu, 2 Insufficient memory.',
      'no node has enough cpu and memory.',
    ],
    ['0/1 nodes are available: 1 Too many pods. preemption: no', 'no node has enough pods.'],
    ['0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.', 'no node takes it.'],
  ])('finds no node: %s', (message, what) => {
    const pods = [aPod({ complaints: [{ reason: 'Unschedulable', message, at: before(7_200) }] })]
    expect(found({ rollout: aRollout({ pods }) })).toMatchObject([
      {
        ...{ cause: 'unschedulable', what },
        evidence: [`order-green-1: Unschedulable, 2 h ago: ${message}`],
        hint: expect.stringContaining('`kubectl describe nodes`'),
      },
    ])
  })
})

it('what keeps a container from starting comes before the quota, and that before what is only seen', () => {
  const containers = [aContainer({ waiting: { reason: 'ErrImagePull', message: 'not found' } })]
  const complaints = [{ reason: 'FailedCreate', message: 'exceeded quota: small' }]
  const rollout = aRollout({ pods: [aPod({ containers })], complaints })
  const facts = aScene({ service: unready({ replicas: 1 }), green: { rollout } })
  expect(codesOf(findingsOf(facts))).toEqual([
    'order green: image-missing',
    'order green: quota',
    'order green: too-few-pods',
  ])
})
