// Everything that a deploy finds out before its first change: what is wanted, the plan, and the checked writes.
import type { EnvironmentConfig } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import { heldAmong, holdRefusal } from '../hold/held.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Contents, Copy, Pods } from '../ports/cluster.ts'
import { type ChartWrite, type Recorded, revisionMark, type SlotWrite } from '../ports/driver.ts'
import { isRefusal } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type Color, colors, slotName } from '../slot.ts'
import { type EnvironmentState, liveSlotOf } from '../state.ts'
import { findUnmigrated } from '../unready.ts'
import { haveContentsChanged, readContents, type ServiceContents } from './contents.ts'
import { type DesireInput, type DesirePorts, desire, type Recipe } from './desire.ts'
import { checkGates, type GatePorts, requireGates } from './gates.ts'
import { type DeployPlan, type DeployStep, planDeploy, type Wanted } from './plan.ts'
import { type PodSecurityPorts, planPodSecurity } from './pod-security.ts'
import { hashOf } from './revision.ts'
import { planSecrets, type SecretsPlan, type SecretsPorts } from './secrets.ts'
import { planTidy, type Tidy } from './tidy.ts'
import { type WritesPorts, writeOf } from './writes.ts'

export interface PreparePorts
  extends ObservePorts,
    DesirePorts,
    WritesPorts,
    PodSecurityPorts,
    SecretsPorts,
    GatePorts {
  pods: Pods
  contents: Contents
}

export interface PrepareInput extends DesireInput {
  environment: EnvironmentConfig
  /** Expected color: refused where it is live. null: the standby slot of each service. */
  color: Color | null
}

export interface Prepared {
  state: EnvironmentState
  recorded: Record<string, Recorded>
  plan: DeployPlan
  /** One for each `upgrade` of the plan. */
  writes: SlotWrite[]
  /** What the slots share, of services that are live already: its last write is incomplete. */
  repairs: ChartWrite[]
  tidies: Tidy[]
  /** Labels to set on the namespace. */
  podSecurity: Readonly<Record<string, string>>
  /** What to create before the slots are written. */
  secrets: SecretsPlan
  copies: Copy[]
  recipes: Record<string, Recipe>
  /** What the slots use. */
  contents: Record<string, ServiceContents>
  /** How each service differs from its live slot. Empty: nothing is live, or nothing differs. */
  changes: Record<string, Change[]>
}

export type Change = 'image' | 'secrets' | 'configuration'

/** Throws a refusal if the deploy would be refused. */
export async function prepareDeploy(ports: PreparePorts, input: PrepareInput): Promise<Prepared> {
  const { color, config, services, sharedChart } = input
  checkGates(ports, input)
  const [desired, state, recorded, secrets] = await Promise.all([
    desire(ports, input),
    observe(ports),
    ports.driver.recorded(),
    planSecrets(ports, input.environment.secrets),
    // Refused now rather than after the writes if the user may not read what the deploy waits for.
    ports.pods.rollout({ service: services[0] ?? '', color: 'blue', revision: '' }),
  ])
  const { recipes } = desired
  const contents = await contentsOf(ports, { ...desired, system: config.name, recorded, secrets })
  const wanted = mapValues(desired.wanted, (each, service) => withContents(each, contents[service]))
  const unfinished = unfinishedServices(recorded, wanted)
  const unmigrated = await findUnmigrated(ports, state, services)
  const plan = planDeploy(state, { wanted, color, unfinished, unmigrated })
  if (isRefusal(plan)) throw refused(plan)
  requireFree(state, plan, input)
  for (const { service, color } of plan.steps) {
    const missing = contents[service]?.slots[color].missing
    if (missing) throw refused(missing)
  }
  await requireGates(ports, input, plan.steps, recipes)
  const write = (step: DeployStep): Promise<SlotWrite> => {
    const { service } = step
    const facts = { recipe: required(recipes, service), contents: required(contents, service) }
    return writeOf(ports, { system: config.name, sharedChart, state, recorded, step, ...facts })
  }
  const upgrades = plan.steps.filter(({ action }) => action === 'upgrade')
  const broken = plan.steps.filter(
    ({ action, service }) => action === 'live' && recorded[service]?.finished === false,
  )
  const [writes, repairs] = await settleAll([
    settleAll(upgrades.map(write)),
    settleAll(broken.map(async (step) => (await write(step)).shared ?? [])),
  ])
  const tidies = planTidy(state, recorded, plan.steps)
  const copies = plan.steps.flatMap(
    ({ service, color }) => required(contents, service).slots[color].copies,
  )
  const changes = Object.fromEntries(
    plan.steps.map((step) => [step.service, changesOf(step, state, recorded, contents)]),
  )
  const podSecurity = await planPodSecurity(ports, input.environment.podSecurity)
  return {
    state,
    recorded,
    plan,
    writes,
    repairs: repairs.flat(),
    tidies,
    podSecurity,
    secrets,
    copies,
    recipes,
    contents,
    changes,
  }
}

/** Whether it is an operation: one that only looks after the environment is none. */
export function isOperation({ plan, writes, repairs, tidies }: Prepared): boolean {
  const scales = plan.steps.flatMap(({ scale }) => scale ?? [])
  return writes.length + repairs.length + tidies.length + scales.length > 0
}

/** A rollback deploys earlier images again: a way back is never held up. */
function requireFree(
  { journal }: EnvironmentState,
  { steps }: DeployPlan,
  { images }: PrepareInput,
): void {
  if (images) return
  const slots = steps
    .filter(({ action }) => action !== 'live')
    .map(({ service, wanted }) => ({ name: service, slot: wanted }))
  const refusal = holdRefusal(heldAmong(journal, slots))
  if (refusal) throw refused(refusal)
}

function required<T>(map: Readonly<Record<string, T>>, service: string): T {
  const found = map[service]
  if (found === undefined) throw new Error(`nothing is known about ${service}`)
  return found
}

function mapValues<T, U>(
  map: Readonly<Record<string, T>>,
  change: (value: T, key: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]))
}

async function contentsOf(
  ports: PreparePorts,
  {
    wanted,
    recipes,
    ...known
  }: {
    system: string
    wanted: Record<string, Wanted>
    recipes: Record<string, Recipe>
    recorded: Record<string, Recorded>
    secrets: SecretsPlan
  },
): Promise<Record<string, ServiceContents>> {
  const found = await settleAll(
    Object.entries(wanted).map(async ([service, each]) => {
      const input = { ...known, wanted: each, recipe: required(recipes, service) }
      return [service, await readContents(ports, service, input)] as const
    }),
  )
  return Object.fromEntries(found)
}

function withContents(wanted: Wanted, contents: ServiceContents | undefined): Wanted {
  if (!contents?.hash) return wanted
  return { ...wanted, revision: hashOf([wanted.revision, contents.hash]).slice(0, 10) }
}

function changesOf(
  { service, wanted }: DeployStep,
  state: EnvironmentState,
  recorded: Readonly<Record<string, Recorded>>,
  contents: Readonly<Record<string, ServiceContents>>,
): Change[] {
  const live = liveSlotOf(state, service)
  if (!live || live.revision === wanted.revision) return []
  const changes: Change[] = live.digest === wanted.digest ? [] : ['image']
  const { marks } = recorded[slotName(service, live.color)] ?? {}
  if (haveContentsChanged(marks, required(contents, service))) changes.push('secrets')
  if (changes.length === 0) changes.push('configuration')
  return changes
}

/** Also those of which a slot of the wanted revision has another image by now. */
function unfinishedServices(
  recorded: Readonly<Record<string, Recorded>>,
  wanted: Readonly<Record<string, Wanted>>,
): string[] {
  return Object.entries(wanted).flatMap(([service, { digest, revision }]) => {
    const names = [service, ...colors.map((color) => slotName(service, color))]
    const isUnfinished = names.some((name) => {
      const { finished = true, marks = {}, digest: found = digest } = recorded[name] ?? {}
      return !finished || (marks[revisionMark] === revision && found !== digest)
    })
    return isUnfinished ? [service] : []
  })
}
