// The objects that Argo CD renders from a folder of the config repo, and what it compares of them. Charts proper are
// rendered by the real helm elsewhere.
import { labels, selectorOf, serviceName } from '../../src/adapters/kubernetes/objects.ts'
import {
  type ConfigState,
  filesToRead,
  type SlotEntry,
  stateOf,
} from '../../src/drivers/gitops/read.ts'
import { isMap } from '../../src/release/canonical.ts'
import { colors, slotLabels, slotName } from '../../src/release/slot.ts'
import type { Files } from './config-repo.ts'

export type Fields = Record<string, unknown>

/** Objects by their path in the API. */
export type Desired = ReadonlyMap<string, Fields>

const cache = new Map<string, Desired>()

/** Of one folder. Throws what is wrong with its files. */
export function desiredOf(files: Files, folder: string, namespace: string): Desired {
  const [env = ''] = folder.split('/')
  const own = [...files].filter(([path]) => path.startsWith(`${folder}/`))
  const paths = own.map(([path]) => path)
  const wanted = new Set(filesToRead(env, paths))
  const texts = new Map(
    own.flatMap(([path, text]) => (wanted.has(path) ? [[path, String(text)]] : [])),
  )
  const key = JSON.stringify([namespace, paths, ...texts])
  const known = cache.get(key)
  if (known) return known
  const desired = new Map(objectsOf(stateOf({ env, paths, texts }), namespace))
  cache.set(key, desired)
  return desired
}

export function deploymentPath(namespace: string, name: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`
}

export function autoscalerPath(namespace: string, name: string): string {
  return `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/${name}`
}

export function servicePath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/services/${name}`
}

function objectsOf({ slots, services }: ConfigState, namespace: string): [string, Fields][] {
  const written = Object.entries(slots).flatMap(([service, both]) =>
    colors.flatMap((color) => {
      const entry = both[color]
      return entry === null || entry === 'removed' ? [] : slotObjects(service, entry, namespace)
    }),
  )
  const shared = Object.entries(services).flatMap(([service, entry]) =>
    (['stable', 'preview'] as const).map((which): [string, Fields] => {
      const target = entry[which]
      const release = which === 'stable' ? entry.stable?.release : null
      const name = serviceName(service, which)
      const annotations = release ? { annotations: { [labels.release]: release } } : {}
      const selector = target === undefined ? {} : { selector: selectorOf(service, target) }
      const ports = [{ name: 'http', port: 80 }]
      return [
        servicePath(namespace, name),
        { metadata: { name, ...annotations }, spec: { ports, ...selector } },
      ]
    }),
  )
  return [...written, ...shared]
}

/** `autoscaling: {min, max}` and `replicas` of the values. */
function slotObjects(
  service: string,
  { color, revision, values }: SlotEntry,
  namespace: string,
): [string, Fields][] {
  const name = slotName(service, color)
  const { replicas = 1, autoscaling } = values
  const template = { metadata: { labels: slotLabels(service, { color, revision }) } }
  const deployment = { metadata: { name }, spec: { replicas, template } }
  if (!isMap(autoscaling)) return [[deploymentPath(namespace, name), deployment]]
  const spec = {
    scaleTargetRef: { kind: 'Deployment', name },
    ...{ minReplicas: autoscaling.min, maxReplicas: autoscaling.max },
  }
  return [
    [deploymentPath(namespace, name), deployment],
    [autoscalerPath(namespace, name), { metadata: { name }, spec }],
  ]
}

/** The numbers of pods are not compared, and not written to what is there. */
const ignored = ['replicas', 'minReplicas', 'maxReplicas']

export function withoutNumbers(object: Fields): Fields {
  const spec = isMap(object.spec) ? object.spec : {}
  const kept = Object.entries(spec).filter(([key]) => !ignored.includes(key))
  return { ...object, spec: Object.fromEntries(kept) }
}

/** Whether an object has all of these fields. What else it has does not count. */
export function hasFields(object: unknown, fields: unknown): boolean {
  if (!isMap(fields)) return JSON.stringify(object) === JSON.stringify(fields)
  return (
    isMap(object) && Object.entries(fields).every(([key, value]) => hasFields(object[key], value))
  )
}

export function withFields(object: unknown, fields: unknown): unknown {
  if (!isMap(fields)) return fields
  const base = isMap(object) ? object : {}
  const all = Object.entries(fields).map(([key, value]) => [key, withFields(base[key], value)])
  return { ...base, ...Object.fromEntries(all) }
}
