// Renders the charts with the real helm; objects of a cluster that `lookup` should see come from a small API server.

import { globSync } from 'node:fs'
import { createServer } from 'node:http'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'

export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}

export interface Rendering {
  objects: KubernetesObject[]
  /** Paths that helm asked the cluster for. */
  requests: string[]
}

export interface RenderInput {
  /** Folder below charts/. */
  chart: string
  release: string
  /** Files below charts/values/. */
  files?: readonly string[]
  /** Comes last, as the file that `deploy` generates. */
  values?: unknown
  /** Objects that the cluster already has. */
  cluster?: readonly KubernetesObject[]
}

// A rendering takes 0.1 s, and a second or two while everything else on a small machine starts.
vi.setConfig({ testTimeout: 60_000 })

const charts = resolve(import.meta.dirname, '../../../charts')
const shell = createShell()

function helm(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const found =
    process.env.SHOPCTL_HELM ??
    globSync(join(cache, 'shopctl/store/kubectl-layer-*/helm/helm')).sort().at(-1)
  if (!found) throw new Error('no helm: set SHOPCTL_HELM, or run `shopctl platform up` once')
  return found
}

/** Renders a chart as an upgrade in namespace `shop` would; throws with helm's own message. */
export async function render(input: RenderInput): Promise<Rendering> {
  const cluster = await serveCluster(input.cluster ?? [])
  try {
    const text = await shell.check({
      program: helm(),
      args: [
        ...['template', input.release, join(charts, input.chart), '--namespace', 'shop'],
        ...(input.files ?? []).flatMap((file) => ['--values', join(charts, 'values', file)]),
        ...['--values', '-'],
        ...['--dry-run=server', '--disable-openapi-validation', '--kube-apiserver', cluster.url],
      ],
      env: { KUBECONFIG: '/dev/null' },
      input: JSON.stringify(input.values ?? {}),
    })
    // 1.1, as helm itself reads it: octal modes.
    const objects = parseAllDocuments(text, { version: '1.1' })
      .map((document) => document.toJS() as KubernetesObject | null)
      .filter((object) => object !== null)
    return { objects, requests: cluster.requests }
  } finally {
    cluster.close()
  }
}

/** Of the image in `generated`. */
export const digest = `sha256:${'ab'.repeat(32)}`
/** What `deploy` adds to a service's values. */
export function generated(service: string, color: string) {
  return {
    service,
    color,
    slot: {
      image: `127.0.0.1:5000/shop/${service}@${digest}`,
      version: '1a2b3c4d5e6f',
      revision: '5f2a9c01aa',
      migrations: '9d8c7b6a5f',
    },
  }
}

/** Renders charts/shop-service as a deploy of that service to that slot. */
export function deploy(service: string, color: string, more: Partial<RenderInput> = {}) {
  return render({
    chart: 'shop-service',
    release: service,
    files: [`${service}.yaml`],
    values: generated(service, color),
    ...more,
  })
}

/** The one object of that kind and name. */
export function pick(rendering: Rendering, kind: string, name: string): KubernetesObject {
  const found = rendering.objects.filter((o) => o.kind === kind && o.metadata.name === name)
  const [object] = found
  if (!object || found.length > 1) throw new Error(`${found.length} objects are ${kind} ${name}`)
  return object
}

const kinds: Record<string, Record<string, string>> = {
  v1: {
    configmaps: 'ConfigMap',
    namespaces: 'Namespace',
    serviceaccounts: 'ServiceAccount',
    services: 'Service',
  },
  'apps/v1': { deployments: 'Deployment', statefulsets: 'StatefulSet' },
  'batch/v1': { jobs: 'Job' },
  'policy/v1': { poddisruptionbudgets: 'PodDisruptionBudget' },
  'rbac.authorization.k8s.io/v1': { roles: 'Role', rolebindings: 'RoleBinding' },
  'admissionregistration.k8s.io/v1': {
    validatingadmissionpolicies: 'ValidatingAdmissionPolicy',
    validatingadmissionpolicybindings: 'ValidatingAdmissionPolicyBinding',
  },
}

function prefix(groupVersion: string): string {
  return groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`
}

/** Answers discovery and GETs of the given objects, as far as helm asks. */
async function serveCluster(objects: readonly KubernetesObject[]) {
  const answers = new Map<string, unknown>([
    ['/version', { major: '1', minor: '34', gitVersion: 'v1.34.0' }],
    ['/api', { kind: 'APIVersions', versions: ['v1'] }],
    ['/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: apiGroups() }],
  ])
  for (const [groupVersion, plurals] of Object.entries(kinds)) {
    const resources = Object.entries(plurals).map(([name, kind]) => ({
      ...{ name, kind, singularName: kind.toLowerCase(), verbs: ['get'] },
      namespaced: name !== 'namespaces' && !groupVersion.startsWith('admissionregistration'),
    }))
    answers.set(prefix(groupVersion), { kind: 'APIResourceList', groupVersion, resources })
    for (const object of objects.filter((o) => o.apiVersion === groupVersion)) {
      const plural = Object.keys(plurals).find((name) => plurals[name] === object.kind)
      answers.set(
        `${prefix(groupVersion)}/namespaces/shop/${plural}/${object.metadata.name}`,
        object,
      )
    }
  }

  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    requests.push(path)
    const answer = answers.get(path)
    const missing = { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 }
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? missing))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return { url: `http://127.0.0.1:${address.port}`, requests, close: () => server.close() }
}

function apiGroups() {
  return Object.keys(kinds)
    .filter((groupVersion) => groupVersion !== 'v1')
    .map((groupVersion) => {
      const version = { groupVersion, version: 'v1' }
      return { name: groupVersion.split('/')[0], versions: [version], preferredVersion: version }
    })
}
