// plan: what deploy would do, and which slots are live. Refuses what deploy would refuse, and changes nothing.

import { notesOf } from '../release/deploy/notes.ts'
import type { DeployStep } from '../release/deploy/plan.ts'
import { type PrepareInput, type PreparePorts, prepareDeploy } from '../release/deploy/prepare.ts'
import type { Pods } from '../release/ports/cluster.ts'
import type { Slot } from '../release/slot.ts'
import { liveSlotOf } from '../release/state.ts'

export interface Planned extends Omit<DeployStep, 'preview'> {
  live: Slot | null
}

interface PlanPorts extends PreparePorts {
  pods: Pods
}

export interface Plan {
  steps: Planned[]
  /** What deploy says before it begins. */
  notes: string[]
}

export async function plan(ports: PlanPorts, input: PrepareInput): Promise<Plan> {
  const prepared = await prepareDeploy(ports, input)
  const { state, plan } = prepared
  const steps = plan.steps.map(({ preview: _, ...step }) => ({
    ...step,
    live: liveSlotOf(state, step.service),
  }))
  return { steps, notes: await notesOf(ports, prepared) }
}
