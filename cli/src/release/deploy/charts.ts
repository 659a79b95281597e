// Whether a service's charts keep its slots apart: nothing they make may change what serves. Pure.
import type { AccessRule, Manifest, PodTemplate } from '../ports.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type Color, colors, otherColor, slotLabels, slotName } from '../slot.ts'
import type { OtherService } from '../state.ts'
import {
  at,
  containersOf,
  identity,
  list,
  matchLabels,
  nameOf,
  podLabels,
  portsOf,
  selectorOf,
  selects,
  targetPorts,
  texts,
} from './manifests.ts'

/** What a Service names as its target: a container port's name or number. */
export type Port = string | number

export interface Ports {
  stable: Port
  preview: Port
}

/** What the chart of a slot renders, by color, as `deploy` would write it. */
export type Slots = Record<Color, Manifest[]>

export interface WantedSlot {
  revision: string
  /** By digest. */
  image: string
}

/** null: whatever is deployed to one color, the other color and its traffic stay as they are. */
export function checkSlots(
  service: string,
  slots: Slots,
  wanted: WantedSlot,
  others: readonly OtherService[],
): Refusal | null {
  for (const color of colors) {
    const problem =
      slotProblem(service, color, slots[color], wanted) ??
      trafficProblem(service, color, slots[color], others) ??
      reachProblem(service, color, slots)
    if (problem) return problem
  }
  return null
}

/** null: no object belongs to both slots, nor to one of them and to what they share. */
export function checkApart(
  service: string,
  { blue, green }: Slots,
  shared: readonly Manifest[],
): Refusal | null {
  const twice = firstCommon(blue, green) ?? firstCommon(blue, shared) ?? firstCommon(green, shared)
  if (twice === null) return null
  return refuse(
    'shared-object',
    `The chart of ${service} makes ${twice} for more than one slot: a deploy to one would change the other.`,
    'Name it after the release, `{{ .Release.Name }}`, which is the service and the color; Services are made by shopctl.',
  )
}

function slotOf(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
): Manifest | undefined {
  const name = slotName(service, color)
  return manifests.find((each) => each.kind === 'Deployment' && nameOf(each) === name)
}

function slotProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  { revision, image }: WantedSlot,
): Refusal | null {
  const name = slotName(service, color)
  const deployment = slotOf(service, color, manifests)
  if (!deployment) {
    const found = manifests.filter(({ kind }) => kind === 'Deployment').map(nameOf)
    return refuse(
      'no-slot',
      `The chart of ${service} makes no Deployment ${name}${found.length > 0 ? `, but ${found.join(', ')}` : ''}.`,
      'Give the Deployment the name `{{ .Release.Name }}`: a slot is found by it.',
    )
  }
  const wanted = slotLabels(service, { color, revision })
  const missing = Object.entries(wanted).filter(
    ([key, value]) => podLabels(deployment)[key] !== value,
  )
  if (missing.length > 0) {
    return refuse(
      'no-slot-labels',
      `The pods of ${name} lack ${missing.map(([key, value]) => `${key}: ${value}`).join(', ')}.`,
      'Set the labels from the values `shopctl.service`, `shopctl.color` and `shopctl.revision`: the Service selects by them.',
    )
  }
  if (matchLabels(deployment)['shopctl.dev/color'] !== color) {
    return refuse(
      'no-slot-labels',
      `The Deployment ${name} does not select its pods by shopctl.dev/color.`,
      'Add `shopctl.dev/color: {{ .Values.shopctl.color }}` to its `spec.selector.matchLabels`: it must not take the pods of the other slot.',
    )
  }
  if (!containersOf(deployment).some((container) => at(container, 'image') === image)) {
    return refuse(
      'no-slot-image',
      `No container of ${name} runs the image that was built for ${service}.`,
      'Set `image: {{ .Values.shopctl.image }}` for the one that does its work.',
    )
  }
  const twin = manifests.find((each) => each !== deployment && selects(wanted, podLabels(each)))
  if (!twin) return null
  return refuse(
    'two-workloads',
    `The pods of the ${twin.kind} ${nameOf(twin)} have the labels of ${name} too: its HTTP requests would go to them as well.`,
    'Leave `shopctl.dev/revision` out of their labels.',
  )
}

/** A Service of the chart, or one that stands in the namespace, that selects the slot's pods before a switch does. */
function trafficProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  others: readonly OtherService[],
): Refusal | null {
  const deployment = slotOf(service, color, manifests)
  const labels = deployment ? podLabels(deployment) : {}
  const leads = ({ selector }: OtherService): boolean =>
    Object.keys(selector).length > 0 && selects(selector, labels)
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

/** A budget or a network policy that is for the pods of the other slot too. */
function reachProblem(service: string, color: Color, slots: Slots): Refusal | null {
  const other = slotOf(service, otherColor(color), slots[otherColor(color)])
  if (!other) return null
  const found = slots[color].find((each) => {
    const selector = selectorOf(each)
    return selector !== null && selects(selector, podLabels(other))
  })
  if (!found) return null
  return refuse(
    'reaches-other-slot',
    `The ${found.kind} ${nameOf(found)} of the chart of ${service} is for the pods of the other slot too.`,
    'Add `shopctl.dev/color: {{ .Values.shopctl.color }}` to its selector.',
  )
}

/** `port` of shopctl.yaml, else the container port named `http`, else the only one. */
export function findPorts(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  port: Port | null,
): Ports | Refusal {
  const deployment = slotOf(service, color, manifests)
  const offered = deployment ? containersOf(deployment).flatMap(portsOf) : []
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

function firstCommon(one: readonly Manifest[], other: readonly Manifest[]): string | null {
  const known = new Set(one.map(identity))
  const found = other.find((each) => known.has(identity(each)))
  return found ? `${found.kind} ${nameOf(found)}` : null
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
