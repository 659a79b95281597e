// Whether a service's charts keep its slots apart: nothing they make may change what serves. Pure.
import { isMap } from '../canonical.ts'
import type { AccessRule, Manifest, PodTemplate } from '../ports.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type Color, colors, slotLabels, slotName } from '../slot.ts'
import type { OtherService } from '../state.ts'

/** What a Service names as its target: a container port's name or number. */
export type Port = string | number

export interface Ports {
  stable: Port
  preview: Port
}

export interface Rendered {
  service: string
  /** By color, as `deploy` would write it. */
  slots: Record<Color, Manifest[]>
  /** What the slots share. */
  shared: Manifest[]
}

/** null: whatever is deployed to one color, the other color and its traffic stay as they are. */
export function checkCharts(
  { service, slots, shared }: Rendered,
  revision: string,
  others: readonly OtherService[],
): Refusal | null {
  for (const color of colors) {
    const problem =
      slotProblem(service, color, slots[color], revision) ??
      trafficProblem(service, color, slots[color], others)
    if (problem) return problem
  }
  const twice =
    firstCommon(slots.blue, slots.green) ??
    firstCommon(slots.blue, shared) ??
    firstCommon(slots.green, shared)
  if (twice === null) return null
  return refuse(
    'shared-object',
    `The chart of ${service} makes ${twice} for more than one slot: a deploy to one would change the other.`,
    'Name it after the release, `{{ .Release.Name }}`, which is the service and the color; Services are made by shopctl.',
  )
}

function slotProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  revision: string,
): Refusal | null {
  const name = slotName(service, color)
  const deployment = manifests.find((each) => each.kind === 'Deployment' && nameOf(each) === name)
  if (!deployment) {
    const found = manifests.filter(({ kind }) => kind === 'Deployment').map(nameOf)
    return refuse(
      'no-slot',
      `The chart of ${service} makes no Deployment ${name}${found.length > 0 ? `, but ${found.join(', ')}` : ''}.`,
      'Give the Deployment the name `{{ .Release.Name }}`: a slot is found by it.',
    )
  }
  const wanted = Object.entries(slotLabels(service, { color, revision }))
  const labels = podLabels(deployment)
  const missing = wanted.filter(([key, value]) => labels[key] !== value)
  if (missing.length > 0) {
    return refuse(
      'no-slot-labels',
      `The pods of ${name} lack ${missing.map(([key, value]) => `${key}: ${value}`).join(', ')}.`,
      'Take the labels from the values `service`, `color` and `slot.revision`: the switch is a selector of them.',
    )
  }
  if (matchLabels(deployment)['shopctl.dev/color'] === color) return null
  return refuse(
    'no-slot-labels',
    `The Deployment ${name} does not select its pods by shopctl.dev/color.`,
    'Add `shopctl.dev/color: {{ .Values.color }}` to its `spec.selector.matchLabels`: it must not take the pods of the other slot.',
  )
}

/** A Service that selects the slot's pods without naming the color leads traffic to them as soon as they are ready. */
function trafficProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  others: readonly OtherService[],
): Refusal | null {
  const deployment = manifests.find((each) => nameOf(each) === slotName(service, color))
  const labels = deployment ? podLabels(deployment) : {}
  const leads = ({ selector }: OtherService): boolean =>
    Object.keys(selector).length > 0 &&
    Object.entries(selector).every(([key, value]) => labels[key] === value)
  const own = manifests
    .filter(({ kind }) => kind === 'Service')
    .map((each) => ({ name: nameOf(each), selector: texts(at(each, 'spec', 'selector')) }))
  const ours = `shopctl makes the Services ${service} and ${service}-preview, and only a switch moves them.`
  const made = own.find(leads)
  if (made) {
    return refuse(
      'chart-moves-traffic',
      `The chart of ${service} makes a Service ${made.name} that leads traffic to a slot as soon as it is deployed.`,
      `Leave it out of the chart: ${ours}`,
    )
  }
  const standing = others.find(leads)
  if (!standing) return null
  return refuse(
    'service-moves-traffic',
    `The Service ${standing.name} of the namespace would lead traffic to the pods of ${service} as soon as they are ready.`,
    `Delete it or narrow its selector: ${ours}`,
  )
}

/** `port` of shopctl.yaml, else the container port named `http`, else the only one. */
export function findPorts(
  service: string,
  manifests: readonly Manifest[],
  port: Port | null,
): Ports | Refusal {
  const offered = containersOf(manifests).flatMap(portsOf)
  const http = offered.find(({ name, number }) =>
    port === null ? name === 'http' : name === port || number === port,
  )
  const only = port === null && offered.length === 1 ? offered[0] : undefined
  const found = http ?? only
  if (!found) {
    const list = offered.map(({ name, number }) => (name ? `${name} (${number})` : `${number}`))
    return refuse(
      'no-port',
      `Which port of ${service} takes HTTP cannot be told: its pods offer ${list.join(', ') || 'none'}${port === null ? '' : `, and not ${port}`}.`,
      `Name the port \`http\` in the chart, or set \`services.${service}.port\` in shopctl.yaml.`,
    )
  }
  const stable = found.name ?? found.number
  const preview = offered.find(({ name }) => name === 'preview')?.name
  return { stable, preview: preview ?? stable }
}

/** null: the pods that serve have what the shared objects are about to name, and keep what they may do. */
export function checkShared(
  service: string,
  shared: readonly Manifest[],
  live: PodTemplate,
  rules: readonly AccessRule[],
): Refusal | null {
  const hint = `Release pods that have it first, with the shared part as it is: \`shopctl release --service ${service}\`.`
  for (const { name, target } of shared.flatMap(targetPorts)) {
    const offered = live.ports.some((port) => port.name === target || port.number === target)
    if (offered) continue
    const message = `The Service ${name} would lead to the port ${target}, which the pods of ${service} that serve do not have.`
    return refuse('live-lacks-port', message, hint)
  }
  const accounts = shared.filter(({ kind }) => kind === 'ServiceAccount').map(nameOf)
  const granted = shared
    .filter(({ kind }) => kind === 'Role')
    .flatMap(rulesOf)
    .flatMap(grants)
  const lost = rules.flatMap(grants).find((grant) => !granted.includes(grant))
  if (lost !== undefined && accounts.includes(live.serviceAccount ?? '')) {
    const message = `The pods of ${service} that serve would lose the right to ${lost}.`
    return refuse(
      'live-lacks-right',
      message,
      'Keep it in the chart until no slot uses it any more.',
    )
  }
  return null
}

function nameOf({ metadata }: Manifest): string {
  return metadata.name
}

function identity({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  return `${group}/${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

function firstCommon(one: readonly Manifest[], other: readonly Manifest[]): string | null {
  const known = new Set(one.map(identity))
  const found = other.find((each) => known.has(identity(each)))
  return found ? `${found.kind} ${nameOf(found)}` : null
}

/** The value at a path of nested maps. */
function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isMap(inner) ? inner[key] : undefined), value)
}

function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(isMap(value) ? value : {}).map(([key, inner]) => [key, String(inner)]),
  )
}

function podLabels(workload: Manifest): Record<string, string> {
  return texts(at(workload, 'spec', 'template', 'metadata', 'labels'))
}

function matchLabels(workload: Manifest): Record<string, string> {
  return texts(at(workload, 'spec', 'selector', 'matchLabels'))
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function containersOf(manifests: readonly Manifest[]): unknown[] {
  return manifests
    .filter(({ kind }) => kind === 'Deployment')
    .flatMap((each) => list(at(each, 'spec', 'template', 'spec', 'containers')))
}

function portsOf(container: unknown): { name: string | null; number: number }[] {
  return list(at(container, 'ports')).map((port) => ({
    name: typeof at(port, 'name') === 'string' ? String(at(port, 'name')) : null,
    number: Number(at(port, 'containerPort')),
  }))
}

function targetPorts(manifest: Manifest): { name: string; target: unknown }[] {
  if (manifest.kind !== 'Service') return []
  return list(at(manifest, 'spec', 'ports')).map((port) => ({
    name: nameOf(manifest),
    target: at(port, 'targetPort') ?? at(port, 'port'),
  }))
}

function rulesOf(role: Manifest): AccessRule[] {
  return list(role.rules) as AccessRule[]
}

/** One text for each thing that a rule lets somebody do. */
function grants({ resources = [], resourceNames = [''], verbs }: AccessRule): string[] {
  return verbs.flatMap((verb) =>
    resources.flatMap((resource) =>
      resourceNames.map((name) => `${verb} ${resource} ${name}`.trim()),
    ),
  )
}
