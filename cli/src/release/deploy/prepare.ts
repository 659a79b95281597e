// Everything that a deploy finds out before its first change: what is wanted, the plan, and the checked writes.
import { refused } from '../../errors.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Pods } from '../ports/cluster.ts'
import type { ChartWrite, Recorded, SlotWrite } from '../ports/driver.ts'
import { isRefusal } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type Color, slotName } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'
import { type DesireInput, type DesirePorts, desire } from './desire.ts'
import { type DeployPlan, type DeployStep, planDeploy } from './plan.ts'
import { type PodSecurityPorts, planPodSecurity } from './pod-security.ts'
import { planTidy, type Tidy } from './tidy.ts'
import { type WritesPorts, writeOf } from './writes.ts'

export interface PreparePorts extends ObservePorts, DesirePorts, WritesPorts, PodSecurityPorts {
  pods: Pods
}

export interface PrepareInput extends DesireInput {
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
}

/** Throws a refusal if the deploy would be refused. */
export async function prepareDeploy(ports: PreparePorts, input: PrepareInput): Promise<Prepared> {
  const { color, config, env, services, sharedChart } = input
  const [{ wanted, recipes }, state, recorded] = await Promise.all([
    desire(ports, input),
    observe(ports),
    ports.driver.recorded(),
  ])
  // Refused now rather than after the writes if the user may not read what the deploy waits for.
  await ports.pods.rollout({ service: services[0] ?? '', color: 'blue', revision: '' })
  const unfinished = unfinishedServices(recorded, services)
  const plan = planDeploy(state, { wanted, color, unfinished })
  if (isRefusal(plan)) throw refused(plan)
  const write = (step: DeployStep): Promise<SlotWrite> => {
    const recipe = recipes[step.service]
    if (!recipe) throw new Error(`no recipe for ${step.service}`)
    return writeOf(ports, { system: config.name, sharedChart, state, recorded, step, recipe })
  }
  const upgrades = plan.steps.filter(({ action }) => action === 'upgrade')
  const broken = plan.steps.filter(
    ({ action, service }) => action === 'live' && recorded[service]?.finished === false,
  )
  const [writes, repairs] = await Promise.all([
    settleAll(upgrades.map(write)),
    settleAll(broken.map(async (step) => (await write(step)).shared ?? [])),
  ])
  const tidies = planTidy(state, recorded, plan.steps)
  const podSecurity = await planPodSecurity(ports, config.environments[env]?.podSecurity)
  return { state, recorded, plan, writes, repairs: repairs.flat(), tidies, podSecurity }
}

function unfinishedServices(
  recorded: Readonly<Record<string, Recorded>>,
  services: readonly string[],
): string[] {
  const isUnfinished = (name: string): boolean => recorded[name]?.finished === false
  return services.filter((service) =>
    [service, slotName(service, 'blue'), slotName(service, 'green')].some(isUnfinished),
  )
}
