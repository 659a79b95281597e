// plan: what deploy would do, and which slots are live. Changes nothing.
import { refused } from '../errors.ts'
import { unfinishedServices } from '../release/deploy/deploy.ts'
import { type DesireInput, type DesirePorts, desire } from '../release/deploy/desire.ts'
import { type DeployStep, planDeploy } from '../release/deploy/plan.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import type { Driver } from '../release/ports/driver.ts'
import type { Color, Slot } from '../release/slot.ts'
import { liveSlot } from '../release/state.ts'

interface PlanPorts extends ObservePorts, DesirePorts {
  driver: Driver
}

interface PlanInput extends DesireInput {
  color: Color | null
}

export interface Planned extends Omit<DeployStep, 'preview'> {
  live: Slot | null
}

export async function plan(ports: PlanPorts, input: PlanInput): Promise<Planned[]> {
  const [desired, state, recorded] = await Promise.all([
    desire(ports, input),
    observe(ports),
    ports.driver.recorded(),
  ])
  const unfinished = unfinishedServices(recorded, input.services)
  const planned = planDeploy(state, { wanted: desired.wanted, color: input.color, unfinished })
  if (planned.kind === 'refusal') throw refused(planned)
  return planned.steps.map(({ preview: _, ...step }) => {
    const now = state.services[step.service]
    return { ...step, live: now ? liveSlot(now) : null }
  })
}
