// Checks that a service's charts keep its slots apart: deploying one slot must not change the other. Pure.
import type { Manifest } from '../ports/driver.ts'
import { isRefusal, type Refusal, refuse } from '../refusal.ts'
import { type Color, colors, otherColor, slotLabels, slotName } from '../slot.ts'
import type { OtherService } from '../state.ts'
import {
  at,
  containersOf,
  deploymentOf,
  firstCommon,
  isHere,
  matchLabels,
  nameOf,
  podLabels,
  reachOf,
  selectorOf,
  selects,
} from './manifests.ts'

/** Version of these rules. A higher number makes `deploy` check every chart again. */
export const rules = 1

/** The rendered chart of a service's slots, by color. */
export type Slots = Record<Color, Manifest[]>

interface WantedSlot {
  revision: string
  /** Repository and digest. */
  image: string
}

/** null: a deploy to one color changes neither the pods of the other color nor the traffic to them. */
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

/** null: no object belongs to both slots, or to a slot and the shared chart. */
export function checkApart(
  service: string,
  { blue, green }: Slots,
  shared: readonly Manifest[],
): Refusal | null {
  const twice = firstCommon(blue, green) ?? firstCommon(blue, shared) ?? firstCommon(green, shared)
  if (twice === null) return null
  return refuse(
    'shared-object',
    `The chart of ${service} renders ${twice} for more than one slot: a deploy to one slot would change the other.`,
    'Start its name with `{{ .Release.Name }}` (service and color). If it is a Service, remove it: shopctl creates the Services.',
  )
}

/** The slot's Deployment. */
export function requireSlot(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
): Manifest | Refusal {
  const deployment = deploymentOf(service, color, manifests)
  if (deployment) return deployment
  const name = slotName(service, color)
  const found = manifests.filter(({ kind }) => kind === 'Deployment').map(nameOf)
  const others = found.length > 0 ? `, but ${found.join(', ')}` : ''
  return refuse(
    'no-slot',
    `The chart of ${service} renders no Deployment ${name}${others}.`,
    'Give the Deployment the name `{{ .Release.Name }}` and no namespace: shopctl finds the slot by its name.',
  )
}

function slotProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  { revision, image }: WantedSlot,
): Refusal | null {
  const name = slotName(service, color)
  const deployment = requireSlot(service, color, manifests)
  if (isRefusal(deployment)) return deployment
  const wanted = Object.entries(slotLabels(service, { color, revision }))
  const labels = podLabels(deployment)
  const missing = wanted.filter(([key, value]) => labels[key] !== value)
  if (missing.length > 0) {
    const list = missing.map(([key, value]) => `${key}: ${value}`).join(', ')
    return refuse(
      'no-slot-labels',
      `The pods of ${name} lack ${list}.`,
      'Set the labels from the values `shopctl.service`, `shopctl.color` and `shopctl.revision`: the Services select by them.',
    )
  }
  const selects = matchLabels(deployment)
  if (selects['shopctl.dev/color'] !== color) {
    return refuse(
      'no-slot-labels',
      `The Deployment ${name} does not select its pods by shopctl.dev/color.`,
      'Add `shopctl.dev/color: {{ .Values.shopctl.color }}` to its `spec.selector.matchLabels`: it must not select the pods of the other slot.',
    )
  }
  if (selects['shopctl.dev/revision'] !== undefined) {
    return refuse(
      'slot-selects-revision',
      `The Deployment ${name} selects its pods by shopctl.dev/revision: a selector is immutable, so the slot could never be deployed again.`,
      'Remove it from `spec.selector.matchLabels`, and keep it in the labels of the pods.',
    )
  }
  if (!containersOf(deployment).some((container) => at(container, 'image') === image)) {
    return refuse(
      'no-slot-image',
      `No container of ${name} runs the image that was built for ${service}.`,
      'Set `image: {{ .Values.shopctl.image }}` for the main container.',
    )
  }
  return helperProblem(service, color, manifests, revision)
}

/** Our Services select by three labels only: other pods with these labels would get the slot's traffic. */
function helperProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  revision: string,
): Refusal | null {
  const slot = deploymentOf(service, color, manifests)
  const wanted = slotLabels(service, { color, revision })
  const helper = manifests.find(
    (each) => each !== slot && isHere(each) && selects(wanted, podLabels(each)),
  )
  if (!helper) return null
  return refuse(
    'helper-gets-traffic',
    `The pods of the ${helper.kind} ${nameOf(helper)} have the labels of the slot ${slotName(service, color)} and would get its traffic.`,
    'Remove `shopctl.dev/revision` from their labels: only the pods of the slot may have it.',
  )
}

/** A Service of the chart, or another one of the namespace, that would send traffic to the slot before the switch. */
function trafficProblem(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  others: readonly OtherService[],
): Refusal | null {
  const labels = podLabels(deploymentOf(service, color, manifests))
  const own = manifests
    .filter((each) => each.kind === 'Service' && isHere(each))
    .map((each) => ({ name: nameOf(each), selector: selectorOf(each) }))
  const made = own.find((each) => hasEndpoint(each, labels))
  if (made) {
    return refuse(
      'chart-moves-traffic',
      `The chart of ${service} renders a Service ${made.name} that sends traffic to a slot as soon as it is deployed.`,
      `Remove it from the chart: ${ours(service)}`,
    )
  }
  return checkTraffic(service, labels, others)
}

/** null: no other Service of the namespace selects these pods. */
export function checkTraffic(
  service: string,
  labels: Readonly<Record<string, string>>,
  others: readonly OtherService[],
): Refusal | null {
  const found = others.find((other) => hasEndpoint(other, labels))
  if (!found) return null
  return refuse(
    'service-moves-traffic',
    `The Service ${found.name} of the namespace would send traffic to the pods of ${service} as soon as they are ready.`,
    `Delete it or narrow its selector: ${ours(service)}`,
  )
}

function hasEndpoint(
  { selector }: OtherService,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.keys(selector).length > 0 && selects(selector, labels)
}

function ours(service: string): string {
  return `shopctl creates the Services ${service} and ${service}-preview, and only a switch moves the live one.`
}

/** A PodDisruptionBudget or NetworkPolicy that also selects the pods of the other slot. */
function reachProblem(service: string, color: Color, slots: Slots): Refusal | null {
  const other = podLabels(deploymentOf(service, otherColor(color), slots[otherColor(color)]))
  const found = slots[color].find((each) => {
    const selector = isHere(each) ? reachOf(each) : null
    return selector !== null && selects(selector, other)
  })
  if (!found) return null
  return refuse(
    'reaches-other-slot',
    `The ${found.kind} ${nameOf(found)} of the chart of ${service} also selects the pods of the other slot.`,
    'Add `shopctl.dev/color: {{ .Values.shopctl.color }}` to its selector.',
  )
}
