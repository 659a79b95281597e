// Slots that are not ready: why, since when, and which command helps.
import { isWaiting, judgeRollout, pendingReasons } from './deploy/rollout.ts'
import type { Pods, Rollout } from './ports/cluster.ts'
import { type Color, colors, isReady, type Slot } from './slot.ts'
import { wasLive, wayBackOf } from './standby.ts'
import { deployOf, type EnvironmentState, liveColor, liveSlotOf } from './state.ts'

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
      const lacks = rollout !== null && (await lacksMigrations(pods, service, rollout))
      const what = whatOf(state, service, slot, rollout, lacks)
      const hint = lacks
        ? `\`shopctl deploy --service ${service}\` applies them.`
        : hintOf(state, service, slot)
      return { service, color, what, since, hint }
    }),
  )
}

/** Services a live pod of which lacks its migrations. */
export async function findUnmigrated(
  { pods }: { pods: Pods },
  state: EnvironmentState,
  services: readonly string[],
): Promise<string[]> {
  const found = await Promise.all(
    services.map(async (service) => {
      const live = liveSlotOf(state, service)
      if (!live || isReady(live)) return []
      const { color, revision } = live
      const rollout = await pods.rollout({ service, color, revision })
      return (await lacksMigrations(pods, service, rollout)) ? [service] : []
    }),
  )
  return found.flat()
}

/** Whether a pod that runs answers that its database is there without the migrations, for example after a restore. */
async function lacksMigrations(pods: Pods, service: string, rollout: Rollout): Promise<boolean> {
  const running = rollout.pods.filter((each) => !each.ready && !isWaiting(each))
  const answers = await Promise.all(
    running.map((pod) => pods.readiness(service, pod.name).catch(() => null)),
  )
  return answers.some(isUnmigrated)
}

function isUnmigrated(readiness: string | null): boolean {
  try {
    const { database, migrations } = JSON.parse(readiness ?? '') ?? {}
    return database === true && migrations === false
  } catch {
    return false
  }
}

function whatOf(
  state: EnvironmentState,
  service: string,
  slot: Slot,
  rollout: Rollout | null,
  lacks: boolean,
): string {
  const role = roleOf(state, service, slot)
  const place = role ? `, ${role},` : ''
  const name = `${service} ${slot.color} ${slot.version}${place}`
  const reasons = reasonsOf(rollout)
  if (lacks) reasons.push('its database lacks migrations.')
  const why = reasons.length > 0 ? `: ${reasons.join(' ')}` : '.'
  return `${name} is not ready, ${slot.ready} of ${slot.replicas} pods${why}`
}

function reasonsOf(rollout: Rollout | null): string[] {
  if (!rollout) return []
  const verdict = judgeRollout(rollout)
  return verdict?.kind === 'broken' ? [verdict.what] : pendingReasons(rollout)
}

function roleOf(state: EnvironmentState, service: string, { color }: Slot): string | null {
  const now = state.services[service]
  if (now && liveColor(now) === color) return 'which is live'
  const way = wayBackOf(state, service)
  return way?.side.color === color ? `the target of \`shopctl rollback\`` : null
}

function hintOf(state: EnvironmentState, service: string, { color, revision }: Slot): string {
  const now = state.services[service]
  if (now && liveColor(now) === color)
    return `Run \`shopctl rollback\` if the last switch is the cause, or \`shopctl diagnose ${service}\` to see more.`
  const remove = `\`shopctl cleanup --service ${service}\` deletes it`
  return wasLive(state.journal, service, { color, revision })
    ? `It cannot be switched to. ${remove}, \`shopctl deploy --service ${service}\` replaces it.`
    : `It was never live. \`shopctl deploy --service ${service}\` replaces it, ${remove}.`
}

/** When this revision was deployed. */
function deployedAt({ journal }: EnvironmentState, name: string, slot: Slot): string | null {
  return deployOf(journal, name, slot)?.startedAt ?? null
}

export function unreadyText({ what, since, hint }: Unready): string {
  const when = since ? ` Since ${since.replace(/\.\d+Z$/, 'Z')}.` : ''
  return `${what}${when} ${hint}`
}
