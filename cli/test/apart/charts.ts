// The charts in a namespace of their own, on the real API server. No pod has to run for it, so the image does not exist.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { platformEnv, root } from '../real/shop.ts'

const shell = createShell()

export interface Slot {
  service: string
  color: string
  /** One character: revision and digest are made of it. */
  release: string
  migrate?: boolean
  values?: object
}

/** An object without what a controller writes: its status, and the traces of such a write. */
interface Written {
  kind: string
  metadata: {
    name: string
    uid: string
    resourceVersion?: string
    managedFields?: { manager: string; subresource?: string }[]
  }
  spec: unknown
  status?: unknown
}

export async function ok(running: Promise<Finished>): Promise<string> {
  const { exitCode, stdout, stderr } = await running
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

export function slotValues({ service, color, release, migrate = true, values }: Slot) {
  const shopctl = {
    system: 'shop',
    service,
    color,
    image: `127.0.0.1:5000/none/${service}@sha256:${release.repeat(64)}`,
    version: `v${release}`,
    revision: release.repeat(10),
    migrations: 'abcdef0123',
    migrate,
  }
  return { ...values, shopctl }
}

/** Of helm and kubectl; a cluster that KUBECONFIG names already goes first. */
export async function clusterEnv(): Promise<Record<string, string>> {
  return process.env.KUBECONFIG ? {} : await platformEnv()
}

const autoscaling = { maxReplicas: 4, targetCPUUtilizationPercentage: 80 }
/** Values with which a slot has one object of each kind. */
export const everyKind = { autoscaling }

export function chartsIn(prefix: string) {
  const namespace = `${prefix}-${randomBytes(3).toString('hex')}`

  async function tool(program: 'helm' | 'kubectl', args: string[], input?: object) {
    return shell.run({
      program: 'sh',
      args: ['-c', `exec ${program} "$@"`, program, '--namespace', namespace, ...args],
      env: await clusterEnv(),
      ...(input !== undefined && { input: JSON.stringify(input) }),
    })
  }

  function kubectl(...args: string[]) {
    return tool('kubectl', args)
  }

  function upgrade(release: string, chart: string, values: object) {
    const args = ['upgrade', '--install', release, join(root, 'charts', chart)]
    const how = ['--reset-values', '--server-side=true', '--force-conflicts']
    return tool('helm', [...args, ...how, '--values', '-'], values)
  }

  /** As `deploy` does it: a Job cannot be changed, so the one before goes first. */
  async function deploy(slot: Slot): Promise<Finished> {
    const name = `${slot.service}-${slot.color}`
    if (slot.migrate !== false) await kubectl('delete', `job/${name}-migrate`, '--ignore-not-found')
    return upgrade(name, 'shop-slot', slotValues(slot))
  }

  function share(service: string, more: object = {}) {
    const ports = { stable: 'http', preview: 'preview' }
    return upgrade(service, 'shop-service', {
      shopctl: { system: 'shop', service, ports, ...more },
    })
  }

  /** As `switch` does it: server-side, under a field manager of its own. */
  function makeLive(service: string, color: string, release: string) {
    const selector = {
      'app.kubernetes.io/name': service,
      'shopctl.dev/color': color,
      'shopctl.dev/revision': release.repeat(10),
    }
    const metadata = { name: service }
    const patch = { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector } }
    const args = ['apply', '--server-side', '--field-manager=shopctl', '--filename=-']
    return ok(tool('kubectl', args, patch))
  }

  async function guard() {
    const uid = await ok(kubectl('get', 'namespace', namespace, '-o=jsonpath={.metadata.uid}'))
    await ok(upgrade('shopctl-guard', 'shop-guard', { namespaceUid: uid }))
  }

  /** A policy is in force a moment after it was created or its Service was changed. */
  function guarded(deployment: string) {
    return vi.waitFor(
      async () => {
        const { stderr } = await kubectl('delete', deployment, '--dry-run=server')
        expect(stderr).toContain('it cannot be deleted')
      },
      { timeout: 10_000, interval: 200 },
    )
  }

  function field(object: string, path: string) {
    return ok(kubectl('get', object, `-o=jsonpath={${path}}`))
  }

  /** All objects of a slot, as they were applied. */
  async function written(service: string, color: string): Promise<Written[]> {
    const kinds = 'deployments,poddisruptionbudgets,horizontalpodautoscalers.v2.autoscaling,jobs'
    const labels = `app.kubernetes.io/name=${service},shopctl.dev/color=${color}`
    const args = ['get', kinds, '--selector', labels, '--output=json', '--show-managed-fields']
    const { items } = JSON.parse(await ok(kubectl(...args))) as { items: Written[] }
    return items.map(({ status: _, metadata: { resourceVersion: __, ...metadata }, ...rest }) => {
      const managedFields = metadata.managedFields?.filter(({ subresource }) => !subresource)
      return { ...rest, metadata: { ...metadata, managedFields } } as Written
    })
  }

  return {
    ...{ namespace, tool, kubectl, deploy, share, makeLive, guard, guarded, field, written },
    template: (slot: Slot) =>
      ok(
        tool(
          'helm',
          [
            ...['template', `${slot.service}-${slot.color}`, join(root, 'charts/shop-slot')],
            ...['--values', '-'],
          ],
          slotValues(slot),
        ),
      ),

    async create() {
      await ok(kubectl('create', 'namespace', namespace))
    },

    /** The guard first: it belongs to no namespace. */
    async remove() {
      await tool('helm', ['uninstall', 'shopctl-guard', '--ignore-not-found'])
      await kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found')
    },
  }
}

/** Waits until the controllers have written what they write once: a revision, labels of a Job. */
export function settled(read: () => Promise<Written[]>): Promise<Written[]> {
  return vi.waitFor(
    async () => {
      const first = await read()
      await new Promise((resolve) => setTimeout(resolve, 1500))
      expect(await read()).toEqual(first)
      return first
    },
    { timeout: 30_000, interval: 100 },
  )
}
