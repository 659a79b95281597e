// plan: what deploy would do, and which slots are live. Refuses what deploy would refuse, and changes nothing.
import { newerBases, newerNote } from '../release/build/bases.ts'
import { repositoryOf } from '../release/build/images.ts'
import { notesOf } from '../release/deploy/notes.ts'
import type { DeployStep } from '../release/deploy/plan.ts'
import {
  type Change,
  isOperation,
  type PrepareInput,
  type PreparePorts,
  prepareDeploy,
} from '../release/deploy/prepare.ts'
import { checkHooks, type HookPorts, hookLines } from '../release/hooks.ts'
import type { Pods } from '../release/ports/cluster.ts'
import type { ImageBuilder } from '../release/ports/project.ts'
import type { Slot } from '../release/slot.ts'
import { liveSlotOf } from '../release/state.ts'

export interface Planned extends Omit<DeployStep, 'preview'> {
  live: Slot | null
  /** How it differs from the live slot. */
  changes: Change[]
}

interface PlanPorts extends PreparePorts, Pick<HookPorts, 'source' | 'hookSettings'> {
  pods: Pods
  builder: Pick<ImageBuilder, 'newestBase'>
}

export interface Plan {
  steps: Planned[]
  /** What deploy says before it begins, its hooks, and which base images have newer ones. */
  notes: string[]
}

export async function plan(ports: PlanPorts, input: PrepareInput): Promise<Plan> {
  await checkHooks(ports)
  const prepared = await prepareDeploy(ports, input)
  const { state, plan, changes } = prepared
  const steps = plan.steps.map(({ preview: _, ...step }) => ({
    ...step,
    live: liveSlotOf(state, step.service),
    changes: changes[step.service] ?? [],
  }))
  const newer = await Promise.all(steps.map((step) => newerNotes(ports, input, step)))
  const hooks = isOperation(prepared) ? hookLines(ports.hookSettings, 'deploy') : []
  return { steps, notes: [...(await notesOf(ports, prepared)), ...hooks, ...newer.flat()] }
}

async function newerNotes(
  { registry, builder }: PlanPorts,
  input: PrepareInput,
  { service, wanted }: Planned,
): Promise<string[]> {
  // A plan does not depend on this advice.
  const repository = repositoryOf(input, service)
  const labels = await registry.labels(repository, wanted.digest).catch(() => ({}))
  return (await newerBases(builder, labels)).map((name) => newerNote(service, name))
}
