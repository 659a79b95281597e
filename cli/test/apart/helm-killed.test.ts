// helm is killed at many moments of each of its verbs. The next deploy and the next cleanup do all of their work.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/adapters/kubernetes/api.ts'
import { createScaling } from '../../src/adapters/kubernetes/scaling.ts'
import { createSlotObjects } from '../../src/adapters/kubernetes/slots.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { createHelmDriver } from '../../src/drivers/helm/driver.ts'
import { createHelm } from '../../src/drivers/helm/helm.ts'
import { createReleases } from '../../src/drivers/helm/releases.ts'
import type { ChartWrite, Driver, SlotWrite } from '../../src/release/ports/driver.ts'
import { root } from '../real/shop.ts'
import { chartsIn, clusterEnv, everyKind, ok, slotValues } from './charts.ts'

const here = chartsIn('killed')
const { field, kubectl, namespace } = here
const { signal } = new AbortController()
const limit = { seconds: 180, setting: 'this test' }
const moments = { deploy: [20, 220, 500], cleanup: [120, 340] }
const kinds =
  'deployments,poddisruptionbudgets,horizontalpodautoscalers,jobs,secrets,services,roles,rolebindings'
let folder = ''
let driver: Driver
/** Its helm is killed after so many milliseconds. */
let killedAfter: (ms: number) => Driver

beforeAll(async () => {
  await here.create()
  folder = await mkdtemp(join(tmpdir(), 'killed-'))
  const killer = join(folder, 'helm')
  const script = 'exec 3<&0\nhelm "$@" <&3 &\nsleep "$KILL_AFTER"\nkill -KILL $!\nwait $!'
  await writeFile(killer, `#!/bin/sh\n${script}\n`)
  await chmod(killer, 0o700)
  const env = await clusterEnv()
  const api = await connect({ file: env.KUBECONFIG ?? null, context: null })
  const driverOf = (program: string, more: Record<string, string> = {}): Driver =>
    createHelmDriver({
      helm: createHelm(createShell(), {
        ...{ program, env: { ...env, ...more }, context: null, namespace, root, limit },
      }),
      releases: createReleases(api, namespace),
      objects: createSlotObjects(api, namespace, () => new Date()),
      scaling: createScaling(api, namespace),
      progress: { step: (_, run) => run(() => {}), note() {}, warn() {} },
    })
  driver = driverOf('helm')
  killedAfter = (ms) => driverOf(killer, { KILL_AFTER: String(ms / 1000) })
})
afterEach(async () => {
  await ok(kubectl('delete', kinds, '--all', '--now'))
})
afterAll(async () => {
  await here.remove()
  await rm(folder, { recursive: true })
})

const shared: ChartWrite = {
  ...{ name: 'order', chart: join(root, 'charts/shop-service'), valuesFiles: [] },
  values: {
    shopctl: { system: 'shop', service: 'order', ports: { stable: 'http', preview: 'http' } },
  },
  marks: { rendered: 'r' },
}

const capacity = { atLeast: 0, declared: 2 }

function aWrite(release: string): SlotWrite {
  const slot = { service: 'order', color: 'green' as const, release, values: everyKind }
  return {
    ...{ service: 'order', color: 'green', name: 'order-green', shared },
    ...{ chart: join(root, 'charts/shop-slot'), valuesFiles: [] },
    ...{ values: slotValues(slot), marks: { revision: revisionOf(release) } },
    ...capacity,
  }
}

function revisionOf(release: string): string {
  return release.repeat(10)
}

function slotOf(release: string) {
  return { service: 'order', slot: { color: 'green' as const, revision: revisionOf(release) } }
}

async function write(release: string, by = driver): Promise<string> {
  const [result] = await by.writeSlots([aWrite(release)], signal)
  return result?.status ?? ''
}

async function remove(release: string, by = driver): Promise<string> {
  const [result] = await by.removeSlots([slotOf(release)], signal)
  return result?.status ?? ''
}

async function standing(): Promise<string> {
  return field('deployment/order-green', '.spec.template.metadata.labels.shopctl\\.dev/revision')
}

const verbs: [string, (by: Driver) => Promise<unknown>][] = [
  ['its first install', (by) => write('1', by)],
  [
    'an upgrade',
    async (by) => {
      expect(await write('1')).toBe('fulfilled')
      await write('2', by)
    },
  ],
  [
    'a rollback',
    async (by) => {
      for (const release of ['1', '2']) expect(await write(release)).toBe('fulfilled')
      await by.putBack([{ ...slotOf('1'), ...capacity }], signal)
    },
  ],
  [
    'an uninstall',
    async (by) => {
      expect(await write('1')).toBe('fulfilled')
      await remove('1', by)
    },
  ],
]

describe.each(verbs)('helm killed in %s', { timeout: 180_000 }, (_, half) => {
  it('is followed by a deploy that writes everything', async () => {
    for (const ms of moments.deploy) {
      await half(killedAfter(ms))
      expect(await write('7'), `${ms} ms`).toBe('fulfilled')
      expect(await standing()).toBe(revisionOf('7'))
      expect(await driver.recorded()).toMatchObject({
        order: { finished: true },
        'order-green': { finished: true, marks: { revision: revisionOf('7') } },
      })
      expect(await remove('7')).toBe('fulfilled')
    }
  })

  it('is followed by a cleanup that leaves nothing', async () => {
    for (const ms of moments.cleanup) {
      await half(killedAfter(ms))
      const left = await kubectl('get', 'deployment/order-green', '--output=name')
      // cleanup names the revision that it saw.
      const seen = left.exitCode === 0 ? (await standing()).slice(0, 1) : ''
      expect(await remove(seen), `${ms} ms`).toBe('fulfilled')
      const names = await ok(kubectl('get', kinds, '--output=name'))
      expect(
        names.split('\n').filter((name) => name.includes('order-green')),
        `${ms} ms`,
      ).toEqual([])
    }
  })
})

it('a slot is put back as it was', async () => {
  for (const release of ['1', '2', '3']) expect(await write(release)).toBe('fulfilled')
  const [result] = await driver.putBack([{ ...slotOf('2'), ...capacity }], signal)
  expect(result).toEqual({ status: 'fulfilled', value: true })
  expect(await standing()).toBe(revisionOf('2'))
  expect(await driver.recorded()).toMatchObject({
    'order-green': { finished: true, marks: { revision: revisionOf('2') } },
  })
  expect(await driver.putBack([{ ...slotOf('9'), ...capacity }], signal)).toEqual([
    { status: 'fulfilled', value: false },
  ])
})

it('a release whose last revision is gone or unreadable is written again', async () => {
  const secret = (version: number) => `secret/sh.helm.release.v1.order-green.v${version}`
  for (const damage of [
    () => kubectl('delete', secret(2)),
    () => kubectl('patch', secret(2), '--type=merge', '--patch={"data":{"release":"aGVsbG8="}}'),
    () => kubectl('delete', 'secrets', '--selector=owner=helm,name=order-green'),
  ]) {
    for (const release of ['1', '2']) expect(await write(release)).toBe('fulfilled')
    await ok(damage())
    expect(await write('7')).toBe('fulfilled')
    expect(await standing()).toBe(revisionOf('7'))
    expect(await driver.recorded()).toMatchObject({ 'order-green': { finished: true } })
    expect(await remove('7')).toBe('fulfilled')
  }
}, 120_000)
