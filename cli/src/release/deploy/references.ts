// The Secrets and ConfigMaps that the pods of a chart use, and that the chart does not make. Pure.
import { byCodeUnits, isMap } from '../canonical.ts'
import type { ContentId } from '../ports/cluster.ts'
import type { Manifest } from '../ports/driver.ts'
import { at, isHere, list, nameOf } from './manifests.ts'

export interface Reference extends ContentId {
  /** Whether the pods start without it. */
  optional: boolean
  /** The keys without which the pods do not start. */
  keys: string[]
}

/** One for each Secret or ConfigMap, sorted. */
export function referencesOf(manifests: readonly Manifest[]): Reference[] {
  const own = new Set(manifests.filter(isHere).map((each) => idOf(each.kind, nameOf(each))))
  const merged = new Map<string, Reference>()
  for (const each of manifests.filter(isHere).flatMap(podSpecs).flatMap(referencesOfPod)) {
    const id = idOf(each.kind, each.name)
    if (own.has(id)) continue
    const before = merged.get(id)
    merged.set(id, {
      ...each,
      optional: each.optional && (before?.optional ?? true),
      keys: [...new Set([...(before?.keys ?? []), ...each.keys])].sort(byCodeUnits),
    })
  }
  return [...merged].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each)
}

function idOf(kind: string, name: string): string {
  return `${kind} ${name}`
}

/** Of a workload, a CronJob or a Pod. */
function podSpecs(object: Manifest): unknown[] {
  if (object.kind === 'Pod') return [object.spec]
  const spec = object.kind === 'CronJob' ? at(object, 'spec', 'jobTemplate', 'spec') : object.spec
  const pod = at(spec, 'template', 'spec')
  return isMap(pod) ? [pod] : []
}

/** Not those that only the kubelet reads: `imagePullSecrets`, and the credentials of a volume's driver. */
function referencesOfPod(pod: unknown): Reference[] {
  const containers = ['containers', 'initContainers'].flatMap((field) => list(at(pod, field)))
  const sources = containers.flatMap((container) => list(at(container, 'envFrom')))
  const variables = containers
    .flatMap((container) => list(at(container, 'env')))
    .map((variable) => at(variable, 'valueFrom'))
  const volumes = list(at(pod, 'volumes'))
  const projected = volumes.flatMap((volume) => list(at(volume, 'projected', 'sources')))
  return [
    ...sources.flatMap((each) => [
      ...reference('Secret', at(each, 'secretRef')),
      ...reference('ConfigMap', at(each, 'configMapRef')),
    ]),
    ...variables.flatMap((each) => [
      ...reference('Secret', at(each, 'secretKeyRef')),
      ...reference('ConfigMap', at(each, 'configMapKeyRef')),
    ]),
    ...[...volumes, ...projected].flatMap((each) => [
      ...reference('Secret', at(each, 'secret')),
      ...reference('ConfigMap', at(each, 'configMap')),
    ]),
  ]
}

/** A volume of a Secret has `secretName`, every other reference `name`. */
function reference(kind: ContentId['kind'], source: unknown): Reference[] {
  const name = at(source, 'secretName') ?? at(source, 'name')
  if (typeof name !== 'string') return []
  const optional = at(source, 'optional') === true
  const keys = [at(source, 'key'), ...list(at(source, 'items')).map((item) => at(item, 'key'))]
  return [
    { kind, name, optional, keys: optional ? [] : keys.filter((key) => typeof key === 'string') },
  ]
}
