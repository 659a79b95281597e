// What only an API server can show of charts/shop-service: admission, field ownership and immutable fields. No pod
// has to run for it, so the image does not exist.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { platformEnv, root } from './shop.ts'

const namespace = `charts-${randomBytes(3).toString('hex')}`
const shell = createShell()

async function tool(program: 'helm' | 'kubectl', args: string[], input?: string) {
  return shell.run({
    program: 'sh',
    args: ['-c', `exec ${program} "$@"`, program, '--namespace', namespace, ...args],
    env: process.env.KUBECONFIG ? {} : await platformEnv(),
    ...(input !== undefined && { input }),
  })
}

function kubectl(...args: string[]) {
  return tool('kubectl', args)
}

async function ok(running: Promise<Finished>): Promise<string> {
  const { exitCode, stdout, stderr } = await running
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

function deploy(
  color: string,
  release: string,
  values: object = {},
  migrations = 'abcdef0123',
): Promise<Finished> {
  const generated = {
    service: 'order',
    color,
    slot: {
      image: `127.0.0.1:5000/none/order@sha256:${release.repeat(64)}`,
      version: `v${release}`,
      revision: release.repeat(10),
      migrations,
    },
  }
  const args = ['upgrade', '--install', 'order', join(root, 'charts/shop-service')]
  const how = ['--server-side=true', '--force-conflicts', '--values', '-']
  return tool('helm', [...args, ...how], JSON.stringify({ ...values, ...generated }))
}

/** As `switch` does it: server-side, under a field manager of its own. */
function makeLive(color: string, release: string) {
  const selector = {
    'app.kubernetes.io/name': 'order',
    'shopctl.dev/color': color,
    'shopctl.dev/revision': release.repeat(10),
  }
  const patch = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'order' },
    spec: { selector },
  }
  const args = ['apply', '--server-side', '--field-manager=shopctl', '--filename=-']
  return ok(tool('kubectl', args, JSON.stringify(patch)))
}

function field(object: string, path: string) {
  return ok(kubectl('get', object, `-o=jsonpath={${path}}`))
}

const refusal = /order-blue is the live slot of order, /

/** A policy is in force a moment after it was created or its Service was changed. */
function inForceFor(deployment: string) {
  return vi.waitFor(
    async () => {
      const { stderr } = await kubectl('delete', deployment, '--dry-run=server')
      expect(stderr).toContain('it cannot be deleted')
    },
    { timeout: 10_000, interval: 200 },
  )
}

beforeAll(async () => {
  await ok(kubectl('create', 'namespace', namespace))
  await ok(deploy('blue', '1'))
  await ok(deploy('green', '2'))
  await makeLive('blue', '1')
  await inForceFor('deployment/order-blue')
})

afterAll(async () => {
  // The release first: its policy belongs to no namespace.
  await tool('helm', ['uninstall', 'order', '--ignore-not-found'])
  await kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found')
})

describe('the live slot', () => {
  it.each([
    [
      'another image',
      ['set', 'image', 'deployment/order-blue', 'order=x'],
      'its pods cannot be changed',
    ],
    [
      'another setting',
      ['set', 'env', 'deployment/order-blue', 'A=1'],
      'its pods cannot be changed',
    ],
    ['a restart', ['rollout', 'restart', 'deployment/order-blue'], 'its pods cannot be changed'],
    [
      'a scale to zero',
      ['scale', 'deployment/order-blue', '--replicas=0'],
      'it cannot be scaled to zero',
    ],
    [
      'zero replicas',
      ['patch', 'deployment/order-blue', '-p', '{"spec":{"replicas":0}}'],
      'it cannot be scaled to zero',
    ],
    ['its deletion', ['delete', 'deployment/order-blue'], 'it cannot be deleted'],
    [
      'a deletion among others',
      [
        'delete',
        '--raw',
        `/apis/apps/v1/namespaces/${namespace}/deployments?labelSelector=shopctl.dev/color=blue`,
      ],
      'it cannot be deleted',
    ],
  ])('refuses %s and says why', async (_, args, reason) => {
    const { exitCode, stderr } = await kubectl(...args)
    expect(stderr).toMatch(refusal)
    expect(stderr).toContain(reason)
    expect(stderr).toMatch(/shopctl (release|switch) --service order/)
    expect(exitCode).not.toBe(0)
  })

  it('refuses a helm upgrade that names it', async () => {
    const before = await field('deployment/order-blue', '.spec.template')
    const { exitCode, stderr } = await deploy('blue', '3')
    expect(stderr).toMatch(refusal)
    expect(exitCode).not.toBe(0)
    expect(await field('deployment/order-blue', '.spec.template')).toBe(before)
  })

  it.each([
    ['more replicas', ['scale', 'deployment/order-blue', '--replicas=3']],
    ['an annotation', ['annotate', 'deployment/order-blue', 'note=kept']],
    ['the very same again', ['set', 'env', 'deployment/order-blue', 'SLOT_COLOR=blue']],
  ])('accepts %s', async (_, args) => {
    await ok(kubectl(...args))
  })

  it('is the same object after a deploy of the other slot with other values', async () => {
    const before = await field(
      'deployment/order-blue',
      '.metadata.uid}{.metadata.generation}{.spec',
    )
    const selector = await field('service/order', '.spec.selector')
    await ok(deploy('green', '4', { replicas: 1, config: { NEW: 'setting' } }))
    await ok(deploy('green', '5', { config: { NEWER: 'setting' } }))
    expect(await field('deployment/order-blue', '.metadata.uid}{.metadata.generation}{.spec')).toBe(
      before,
    )
    expect(await field('service/order', '.spec.selector')).toBe(selector)
    expect(await field('deployment/order-green', '.metadata.labels.shopctl\\.dev/revision')).toBe(
      '5555555555',
    )
    const variables = await field(
      'deployment/order-green',
      '.spec.template.spec.containers[0].env[*].name',
    )
    expect(variables.split(' ')).toContain('NEWER')
    expect(variables.split(' ')).not.toContain('NEW')
  })
})

describe('the standby slot', () => {
  it.each([
    ['a change', ['set', 'image', 'deployment/order-green', 'order=x']],
    ['a restart', ['rollout', 'restart', 'deployment/order-green']],
    ['a scale to zero', ['scale', 'deployment/order-green', '--replicas=0']],
  ])('accepts %s', async (_, args) => {
    await ok(kubectl(...args))
  })

  it('is deployed again whoever changed it', async () => {
    await ok(deploy('green', '6'))
    expect(await field('deployment/order-green', '.spec.replicas')).toBe('2')
    expect(
      await field('deployment/order-green', '.spec.template.spec.containers[0].image'),
    ).toContain('sha256:666')
  })

  it('may be deleted, and comes back with the next deploy', async () => {
    await ok(kubectl('delete', 'deployment/order-green'))
    await ok(deploy('green', '7'))
    expect(await field('deployment/order-green', '.spec.replicas')).toBe('2')
  })
})

it('the migration Job of unchanged migrations is left alone, that of others replaces it', async () => {
  const before = await field('job/order-migrate-abcdef0123', '.metadata.uid}{.spec')
  await ok(deploy('green', '8'))
  expect(await field('job/order-migrate-abcdef0123', '.metadata.uid}{.spec')).toBe(before)
  await ok(deploy('green', '8', {}, '3210fedcba'))
  expect(await ok(kubectl('get', 'jobs', '--output=name'))).toBe(
    'job.batch/order-migrate-3210fedcba',
  )
})

it('what is live follows the Service', async () => {
  await makeLive('green', '8')
  await inForceFor('deployment/order-green')
  await ok(deploy('blue', '9'))
  await makeLive('blue', '9')
  await inForceFor('deployment/order-blue')
})

it('a release with a live slot can be uninstalled', async () => {
  await ok(tool('helm', ['uninstall', 'order']))
  expect(await ok(kubectl('get', 'deployments,jobs,services', '--output=name'))).toBe('')
})

it('a namespace with a live slot can be deleted, and takes the policy along', async () => {
  await ok(deploy('blue', '1'))
  await makeLive('blue', '1')
  await inForceFor('deployment/order-blue')
  await ok(kubectl('delete', 'namespace', namespace, '--timeout=60s'))
  const policies = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'].join()
  await vi.waitFor(
    async () => expect(await ok(kubectl('get', policies, '-o=name'))).not.toContain(namespace),
    { timeout: 20_000, interval: 500 },
  )
})
