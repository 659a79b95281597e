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

/** `notes`: what deploy says before it begins. */
export async function plan(
  ports: PlanPorts,
  input: PrepareInput,
): Promise<{ steps: Planned[]; notes: string[] }> {
  const prepared = await prepareDeploy(ports, input)
  const { state, plan } = prepared
  const steps = plan.steps.map(({ preview: _, ...step }) => ({
    ...step,
    live: liveSlotOf(state, step.service),
  }))
  return { steps, notes: await notesOf(ports, prepared) }
}
