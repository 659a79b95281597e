// plan: what deploy would do, and which slots are live. Refuses what deploy would refuse, and changes nothing.
import type { DeployStep } from '../release/deploy/plan.ts'
import { type PrepareInput, type PreparePorts, prepareDeploy } from '../release/deploy/prepare.ts'
import type { Slot } from '../release/slot.ts'
import { liveSlotOf } from '../release/state.ts'

export interface Planned extends Omit<DeployStep, 'preview'> {
  live: Slot | null
}

export async function plan(ports: PreparePorts, input: PrepareInput): Promise<Planned[]> {
  const { state, plan } = await prepareDeploy(ports, input)
  return plan.steps.map(({ preview: _, ...step }) => ({
    ...step,
    live: liveSlotOf(state, step.service),
  }))
}
