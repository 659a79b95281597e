// Reads what a chart renders; pure.
import { isMap } from '../canonical.ts'
import type { Manifest } from '../ports.ts'

export function nameOf({ metadata }: Manifest): string {
  return metadata.name
}

export function identity({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  return `${group}/${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

/** The value at a path of nested maps. */
export function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isMap(inner) ? inner[key] : undefined), value)
}

export function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(isMap(value) ? value : {}).map(([key, inner]) => [key, String(inner)]),
  )
}

/** Labels of the pods that a workload makes; empty for anything else. */
export function podLabels(workload: Manifest): Record<string, string> {
  const template =
    at(workload, 'spec', 'jobTemplate', 'spec', 'template') ?? at(workload, 'spec', 'template')
  return texts(at(template, 'metadata', 'labels'))
}

export function matchLabels(workload: Manifest): Record<string, string> {
  return texts(at(workload, 'spec', 'selector', 'matchLabels'))
}

/** Labels of the pods that a budget or a network policy is for; null: it is neither, or selects by more than labels. */
export function selectorOf(manifest: Manifest): Record<string, string> | null {
  const field = { NetworkPolicy: 'podSelector', PodDisruptionBudget: 'selector' }[manifest.kind]
  const selector = field && at(manifest, 'spec', field)
  if (!selector || at(selector, 'matchExpressions') !== undefined) return null
  return texts(at(selector, 'matchLabels'))
}

/** Whether pods with these labels are selected. */
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
