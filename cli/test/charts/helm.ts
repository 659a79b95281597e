// Renders the charts with the real helm.

import { globSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { vi } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'

export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}

export interface RenderInput {
  /** Folder below charts/. */
  chart: string
  release: string
  /** Files below charts/values/. */
  files?: readonly string[]
  /** Comes last, as what `shopctl` generates. */
  values?: unknown
  /** Default: shop. */
  namespace?: string
  /** API server that `lookup` asks; without it, lookup finds nothing. */
  server?: string
}

// A rendering takes 0.1 s, and a second or two while everything else on a small machine starts.
vi.setConfig({ testTimeout: 60_000 })

export const charts = resolve(import.meta.dirname, '../../../charts')
const shell = createShell()

export function helm(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const found =
    process.env.SHOPCTL_HELM ??
    globSync(join(cache, 'shopctl/store/kubectl-layer-*/helm/helm')).sort().at(-1)
  if (!found) throw new Error('no helm: set SHOPCTL_HELM, or run `shopctl platform up` once')
  return found
}

/** Renders a chart; throws with helm's own message. */
export async function render(input: RenderInput): Promise<KubernetesObject[]> {
  const text = await shell.check({
    program: helm(),
    args: [
      ...['template', input.release, join(charts, input.chart)],
      ...['--namespace', input.namespace ?? 'shop'],
      ...(input.files ?? []).flatMap((file) => ['--values', join(charts, 'values', file)]),
      ...['--values', '-'],
      ...(input.server
        ? ['--dry-run=server', '--disable-openapi-validation', '--kube-apiserver', input.server]
        : []),
    ],
    env: { KUBECONFIG: '/dev/null' },
    input: JSON.stringify(input.values ?? {}),
  })
  // 1.1, as helm itself reads it: octal modes.
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null)
}

/** Of the image in `slotValues`. */
export const digest = `sha256:${'ab'.repeat(32)}`

/** What `deploy` adds to the values of a slot; `more` wins over it. */
export function slotValues(service: string, color: string, more: object = {}) {
  return {
    shopctl: {
      system: 'shop',
      service,
      color,
      image: `127.0.0.1:5000/shop/${service}@${digest}`,
      version: '1a2b3c4d5e6f',
      revision: '5f2a9c01aa',
      migrations: '9d8c7b6a5f',
      migrate: true,
      ...more,
    },
  }
}

/** What `deploy` gives to the chart of what both slots share; `more` wins over it. */
export function serviceValues(service: string, more: object = {}) {
  return {
    shopctl: { system: 'shop', service, ports: { stable: 'http', preview: 'preview' }, ...more },
  }
}

/** What `deploy` hands on of a service's own values: `edge`, where they have one. */
export function edgeOf(file: string): { edge?: unknown } {
  const { edge } = parse(readFileSync(join(charts, 'values', file), 'utf8')) as { edge?: unknown }
  return edge === undefined ? {} : { edge }
}

/** Renders charts/shop-slot as a deploy of that service to that slot. */
export function renderSlot(service: string, color: string, more: Partial<RenderInput> = {}) {
  return render({
    chart: 'shop-slot',
    release: `${service}-${color}`,
    files: [`${service}.yaml`],
    values: slotValues(service, color),
    ...more,
  })
}

/** Renders charts/shop-service as a deploy of that service. */
export function renderService(service: string, values: object = serviceValues(service)) {
  return render({ chart: 'shop-service', release: service, values })
}

/** The one object of that kind and name. */
export function pick(
  objects: readonly KubernetesObject[],
  kind: string,
  name: string,
): KubernetesObject {
  const found = objects.filter((o) => o.kind === kind && o.metadata.name === name)
  const [object] = found
  if (!object || found.length > 1) throw new Error(`${found.length} objects are ${kind} ${name}`)
  return object
}

export function names(objects: readonly KubernetesObject[]): string[] {
  return objects.map((o) => `${o.kind}/${o.metadata.name}`).sort()
}
