// Whether a service's charts keep its slots apart: nothing they make may change what serves. Pure.
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

/** Counts up when a rule is added: charts that passed before are looked at again. */
export const rules = 1

/** What the chart of a slot makes, by color, as `deploy` would write it. */
export type Slots = Record<Color, Manifest[]>

export interface WantedSlot {
  revision: string
  /** By digest. */
  image: string
}

/** null: whatever is deployed to one color, the pods of the other color and what leads to them stay as they are. */
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
  return refuse(
    'no-slot',
    `The chart of ${service} makes no Deployment ${name}${found.length > 0 ? `, but ${found.join(', ')}` : ''}.`,
    'Give the Deployment the name `{{ .Release.Name }}` and no namespace: a slot is found by it.',
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
    return refuse(
      'no-slot-labels',
      `The pods of ${name} lack ${missing.map(([key, value]) => `${key}: ${value}`).join(', ')}.`,
      'Take the labels from the values `shopctl.service`, `shopctl.color` and `shopctl.revision`: the switch is a selector of them.',
    )
  }
  const selects = matchLabels(deployment)
  if (selects['shopctl.dev/color'] !== color) {
    return refuse(
      'no-slot-labels',
      `The Deployment ${name} does not select its pods by shopctl.dev/color.`,
      'Add `shopctl.dev/color: {{ .Values.shopctl.color }}` to its `spec.selector.matchLabels`: it must not take the pods of the other slot.',
    )
  }
  if (selects['shopctl.dev/revision'] !== undefined) {
    return refuse(
      'slot-selects-revision',
      `The Deployment ${name} selects its pods by shopctl.dev/revision: a selector cannot be changed, so the slot could never be written again.`,
      'Take it out of its `spec.selector.matchLabels`, and leave it in the labels of its pods.',
    )
  }
  if (!containersOf(deployment).some((container) => at(container, 'image') === image)) {
    return refuse(
      'no-slot-image',
      `No container of ${name} runs the image that was built for ${service}.`,
      'Set `image: {{ .Values.shopctl.image }}` for the one that does its work.',
    )
  }
  return helperProblem(service, color, manifests, revision)
}

/** Our Services select by the three labels alone: other pods that have them would get the slot's traffic. */
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
    `The pods of the ${helper.kind} ${nameOf(helper)} have the labels of the slot ${slotName(service, color)}, and would get its traffic.`,
    'Leave `shopctl.dev/revision` out of their labels: only the pods of the slot have it.',
  )
}

/** A Service that selects the slot's pods leads traffic to them as soon as they are ready. */
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
  const made = own.find((each) => leadsTo(labels, each))
  if (made) {
    return refuse(
      'chart-moves-traffic',
      `The chart of ${service} makes a Service ${made.name} that leads traffic to a slot as soon as it is deployed.`,
      `Leave it out of the chart: ${ours(service)}`,
    )
  }
  return checkTraffic(service, labels, others)
}

/** A Service that stands in the namespace. */
export function checkTraffic(
  service: string,
  labels: Readonly<Record<string, string>>,
  others: readonly OtherService[],
): Refusal | null {
  const standing = others.find((other) => leadsTo(labels, other))
  if (!standing) return null
  return refuse(
    'service-moves-traffic',
    `The Service ${standing.name} of the namespace would lead traffic to the pods of ${service} as soon as they are ready.`,
    `Delete it or narrow its selector: ${ours(service)}`,
  )
}

function leadsTo(labels: Readonly<Record<string, string>>, { selector }: OtherService): boolean {
  return Object.keys(selector).length > 0 && selects(selector, labels)
}

function ours(service: string): string {
  return `shopctl makes the Services ${service} and ${service}-preview, and only a switch moves them.`
}

/** A budget or a network policy that is for the pods of the other slot too. */
function reachProblem(service: string, color: Color, slots: Slots): Refusal | null {
  const other = podLabels(deploymentOf(service, otherColor(color), slots[otherColor(color)]))
  const found = slots[color].find((each) => {
    const selector = isHere(each) ? reachOf(each) : null
    return selector !== null && selects(selector, other)
  })
  if (!found) return null
  return refuse(
    'reaches-other-slot',
    `The ${found.kind} ${nameOf(found)} of the chart of ${service} is for the pods of the other slot too.`,
    'Add `shopctl.dev/color: {{ .Values.shopctl.color }}` to its selector.',
  )
}
