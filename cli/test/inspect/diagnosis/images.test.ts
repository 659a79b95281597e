// Why a container does not start: its image, or what it needs.
import { describe, expect, it } from 'vitest'
import { findingsOf } from '../../../src/inspect/diagnosis/diagnose.ts'
import type { SlotFacts } from '../../../src/inspect/diagnosis/facts.ts'
import type { ContainerState } from '../../../src/release/ports/cluster.ts'
import { aContainer, aPod, aRollout, aScene, before, codesOf, unready } from './scene.ts'

const digest = `127.0.0.1:5000/shop/order@sha256:${'5030'.repeat(16)}`

/** What is found of green, whose only pod is this. */
function found(green: Partial<SlotFacts>) {
  return findingsOf(aScene({ service: unready(), green }))
}

function ofContainer(over: Partial<ContainerState>, more: Partial<SlotFacts> = {}) {
  return found({ rollout: aRollout({ pods: [aPod({ containers: [aContainer(over)] })] }), ...more })
}

describe('an image that is not pulled', () => {
  it.each([
    ['image-missing', `failed to resolve reference "${digest}": ${digest}: not found`],
    ['image-missing', 'unexpected status from HEAD request to https://r.io/v2/x: 404 Not Found'],
    ['image-missing', 'manifest unknown: manifest unknown'],
    ['image-login', 'pull access denied, repository does not exist or may require authorization'],
    ['image-login', `failed to resolve "${digest}": unexpected status: 401 Unauthorized`],
    ['image-login', 'no basic auth credentials'],
    ['registry-away', 'failed to do request: dial tcp 127.0.0.1:5000: connect: connection refused'],
    ['registry-away', 'dial tcp: lookup registry.denied.example: no such host'],
    ['registry-away', 'Head "https://r.io/v2/notfound/manifests/x": net/http: TLS timeout'],
    ['registry-away', 'x509: certificate signed by unknown authority'],
    ['registry-away', '503 Service Unavailable'],
    ['image-invalid', 'no match for platform in manifest: not found'],
  ])('%s: %s', (cause, words) => {
    const message = `Back-off pulling image "${digest}": ErrImagePull: ${words}`
    const [first, ...others] = ofContainer({ waiting: { reason: 'ImagePullBackOff', message } })
    expect(first).toMatchObject({ service: 'order', color: 'green', cause })
    expect(first?.evidence).toEqual([
      expect.stringMatching(/^order-green-1: ImagePullBackOff: Back-off pulling image/),
    ])
    expect(others).toEqual([])
  })

  it.each([
    ['InvalidImageName', 'image-invalid'],
    ['ErrImageNeverPull', 'image-missing'],
  ])('%s is %s', (reason, cause) => {
    expect(ofContainer({ waiting: { reason, message: '' } })[0]?.cause).toBe(cause)
  })

  it('is told by its last words, however often it is named before', () => {
    const message = `pull "${digest}": unpack "${digest}": resolve "${digest}": ${digest}: not found`
    const [first] = ofContainer({ waiting: { reason: 'ErrImagePull', message } })
    expect(first?.evidence[0]).toMatch(
      /: 127\.0\.0\.1:5000\/shop\/order@sha256:503050305030…: not found$/,
    )
  })

  it('names the registry, and the command that pushes it', () => {
    const waiting = { reason: 'ErrImagePull', message: `image "${digest}": not found` }
    expect(ofContainer({ waiting })[0]).toMatchObject({
      what: '127.0.0.1:5000 does not have its image.',
      hint: '`shopctl push --service order` pushes it, then `shopctl deploy --service order`.',
    })
  })

  it('is one finding for all its pods', () => {
    const waiting = { reason: 'ErrImagePull', message: 'not found' }
    const pods = [1, 2, 3, 4].map((n) =>
      aPod({ name: `p-${n}`, containers: [aContainer({ waiting })] }),
    )
    const [first, ...others] = found({ rollout: aRollout({ pods }) })
    expect(others).toEqual([])
    expect(first?.evidence).toEqual([
      'p-1: ErrImagePull: not found',
      'p-2: ErrImagePull: not found',
      'p-3: ErrImagePull: not found',
      'and 1 more',
    ])
  })

  it('is found in the migration, too', () => {
    const waiting = { reason: 'ErrImagePull', message: 'not found' }
    const pods = [aPod({ name: 'migrate-1', containers: [aContainer({ waiting })] })]
    const job = { succeeded: false, failed: false, pods, complaints: [] }
    expect(codesOf(found({ rollout: aRollout({ job }) }))).toEqual([
      'order green: image-missing',
      'order green: migration-running',
    ])
  })
})

describe('a container that is not made', () => {
  it.each([
    ['secret-missing', 'secret "order-green-1" not found', 'the Secret order-green-1 that'],
    ['config-map-missing', 'configmap "order" not found', 'the ConfigMap order that'],
    [
      'secret-missing',
      "couldn't find key database-url in Secret shop/order",
      'the key database-url',
    ],
    [
      'config-map-missing',
      "couldn't find key a in ConfigMap shop/order",
      'the key a is not in the Conf',
    ],
    [
      'container-config',
      'container has runAsNonRoot and image will run as root',
      'the cluster cannot',
    ],
  ])('%s: %s', (cause, message, what) => {
    const waiting = { reason: 'CreateContainerConfigError', message }
    const [first] = ofContainer({ waiting })
    expect(first).toMatchObject({ cause, what: expect.stringContaining(what) })
    expect(first?.evidence).toEqual([`order-green-1: CreateContainerConfigError: ${message}`])
  })

  it('says nothing of a volume of a pod that is ready by now', () => {
    const complaints = [{ reason: 'FailedMount', message: 'secret "smtp" not found' }]
    const rollout = aRollout({ pods: [aPod({ ready: true, complaints })] })
    expect(findingsOf(aScene({ green: { rollout } }))).toEqual([])
  })

  it.each([
    ['secret-missing', 'MountVolume.SetUp failed for volume "v" : secret "smtp" not found'],
    [
      'secret-missing',
      'MountVolume.SetUp failed for volume "v" : references non-existent secret key: a',
    ],
    [
      'config-map-missing',
      'MountVolume.SetUp failed for volume "v" : references non-existent config key: a',
    ],
    ['volume', 'Unable to attach or mount volumes: timed out'],
  ])('%s: %s', (cause, message) => {
    const complaints = [{ reason: 'FailedMount', message, at: before(180) }]
    const waiting = { reason: 'ContainerCreating', message: '' }
    const pods = [aPod({ containers: [aContainer({ waiting })], complaints })]
    const [first] = found({ rollout: aRollout({ pods }) })
    expect(first?.cause).toBe(cause)
    expect(first?.evidence).toEqual([`order-green-1: FailedMount, 3 min ago: ${message}`])
  })
})
