// Reads rendered objects; pure.
import { isMap } from '../canonical.ts'
import type { Manifest } from '../ports/driver.ts'
import { type Color, slotName } from '../slot.ts'

export function nameOf({ metadata }: Manifest): string {
  return metadata.name
}

/** Whether it is in the namespace of the environment. Objects in other namespaces do not affect a slot. */
export function isHere({ metadata }: Manifest): boolean {
  return metadata.namespace === undefined
}

export function deploymentOf(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
): Manifest | undefined {
  const name = slotName(service, color)
  return manifests.find(
    (each) => each.kind === 'Deployment' && nameOf(each) === name && isHere(each),
  )
}

function identity({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  return `${group}/${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

export function firstCommon(one: readonly Manifest[], other: readonly Manifest[]): string | null {
  const known = new Set(one.map(identity))
  const found = other.find((each) => known.has(identity(each)))
  return found ? `${found.kind} ${nameOf(found)}` : null
}

/** The value at a path of nested maps. */
export function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isMap(inner) ? inner[key] : undefined), value)
}

function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(isMap(value) ? value : {}).map(([key, inner]) => [key, String(inner)]),
  )
}

/** The pod labels of a workload, a CronJob or a Pod; empty for other objects. */
export function podLabels(object: Manifest | undefined): Record<string, string> {
  if (object?.kind === 'Pod') return texts(object.metadata.labels)
  const spec = object?.kind === 'CronJob' ? at(object, 'spec', 'jobTemplate') : object
  return texts(at(spec, 'spec', 'template', 'metadata', 'labels'))
}

export function matchLabels(workload: Manifest): Record<string, string> {
  return texts(at(workload, 'spec', 'selector', 'matchLabels'))
}

export function selectorOf(service: Manifest): Record<string, string> {
  return texts(at(service, 'spec', 'selector'))
}

/** The labels by which a budget or network policy selects pods. null: it is neither, or uses matchExpressions. */
export function reachOf(manifest: Manifest): Record<string, string> | null {
  const field = { NetworkPolicy: 'podSelector', PodDisruptionBudget: 'selector' }[manifest.kind]
  const selector = field && at(manifest, 'spec', field)
  if (!selector || at(selector, 'matchExpressions') !== undefined) return null
  return texts(at(selector, 'matchLabels'))
}

/** Whether the selector matches these labels. */
export function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

export function containersOf(workload: Manifest): unknown[] {
  return list(at(workload, 'spec', 'template', 'spec', 'containers'))
}

export function portsOf(container: unknown): { name: string | null; number: number }[] {
  return list(at(container, 'ports')).map((port) => ({
    name: typeof at(port, 'name') === 'string' ? String(at(port, 'name')) : null,
    number: Number(at(port, 'containerPort')),
  }))
}

export function targetPorts(manifest: Manifest): { name: string; target: unknown }[] {
  if (manifest.kind !== 'Service') return []
  return list(at(manifest, 'spec', 'ports')).map((port) => ({
    name: nameOf(manifest),
    target: at(port, 'targetPort') ?? at(port, 'port'),
  }))
}
