// Slots that are not ready: why, since when, and which command helps.
import { judgeRollout, pendingReasons } from './deploy/rollout.ts'
import type { Pods, Rollout } from './ports/cluster.ts'
import { type Color, colors, isReady, type Slot } from './slot.ts'
import { wasLive, wayBackOf } from './standby.ts'
import { type EnvironmentState, liveColor } from './state.ts'

export interface Unready {
  service: string
  color: Color
  /** One line. */
  what: string
  /** ISO 8601. null: unknown. */
  since: string | null
  /** One line, with the command to run. */
  hint: string
}

export async function findUnready(
  { pods }: { pods: Pods },
  state: EnvironmentState,
  services: readonly string[],
): Promise<Unready[]> {
  const slots = services.flatMap((service) =>
    colors.flatMap((color) => {
      const slot = state.services[service]?.slots[color]
      return slot && slot.replicas > 0 && !isReady(slot) ? [{ service, slot }] : []
    }),
  )
  return Promise.all(
    slots.map(async ({ service, slot }) => {
      const { color, revision } = slot
      // An account that may not list pods can still see that the slot is not ready.
      const rollout = await pods.rollout({ service, color, revision }).catch(() => null)
      const since = rollout?.unavailableSince ?? deployedAt(state, service, slot)
      const what = whatOf(state, service, slot, rollout)
      return { service, color: slot.color, what, since, hint: hintOf(state, service, slot) }
    }),
  )
}

function whatOf(
  state: EnvironmentState,
  service: string,
  slot: Slot,
  rollout: Rollout | null,
): string {
  const role = roleOf(state, service, slot)
  const name = `${service} ${slot.color} ${slot.version}${role ? `, ${role},` : ''}`
  const verdict = rollout && judgeRollout(rollout)
  const reasons =
    verdict?.kind === 'broken' ? [verdict.what] : rollout ? pendingReasons(rollout) : []
  const why = reasons.length > 0 ? `: ${reasons.join(' ')}` : '.'
  return `${name} is not ready, ${slot.ready} of ${slot.replicas} pods${why}`
}

function roleOf(state: EnvironmentState, service: string, { color }: Slot): string | null {
  const now = state.services[service]
  if (now && liveColor(now) === color) return 'which is live'
  const way = wayBackOf(state, service)
  return way?.side.color === color ? `where \`shopctl rollback\` would go back to` : null
}

function hintOf(state: EnvironmentState, service: string, { color, revision }: Slot): string {
  const now = state.services[service]
  if (now && liveColor(now) === color)
    return 'Run `shopctl rollback` if the last switch is the cause, or `kubectl describe pods` to see more.'
  const remove = `\`shopctl cleanup --service ${service}\` deletes it`
  return wasLive(state.journal, service, { color, revision })
    ? `It cannot be switched to. ${remove}, \`shopctl deploy --service ${service}\` replaces it.`
    : `It was never live. \`shopctl deploy --service ${service}\` replaces it, ${remove}.`
}

/** When this revision was deployed. */
function deployedAt({ journal }: EnvironmentState, name: string, slot: Slot): string | null {
  const operation = [...journal.closed, ...(journal.open ? [journal.open] : [])].findLast(
    ({ verb, services }) =>
      verb === 'deploy' &&
      services.some(({ name: other, to }) => other === name && to?.revision === slot.revision),
  )
  return operation?.startedAt ?? null
}

export function unreadyText({ what, since, hint }: Unready): string {
  const when = since ? ` Since ${since.replace(/\.\d+Z$/, 'Z')}.` : ''
  return `${what}${when} ${hint}`
}
