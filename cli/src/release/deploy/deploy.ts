// deploy: writes the wanted revision to the standby slots and waits until they are ready; the live ones stay as they are.
import type { EnvironmentConfig } from '../../config/schema.ts'
import { afterChange, failed, interrupted, refused } from '../../errors.ts'
import { lastLines } from '../last-lines.ts'
import { type LockPorts, withLock } from '../lock.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Pods } from '../ports/cluster.ts'
import type { BuiltinChart, Driver, Recorded, SlotWrite } from '../ports/driver.ts'
import { type RecordingPorts, recorded as record } from '../recording.ts'
import { settleAll } from '../settle.ts'
import { type Color, sameTarget, sideOf, slotName } from '../slot.ts'
import type { EnvironmentState, Pointer } from '../state.ts'
import { type DesireInput, type DesirePorts, desire } from './desire.ts'
import { type EnvironmentPorts, prepareEnvironment } from './environment.ts'
import { type DeployPlan, type DeployStep, planDeploy } from './plan.ts'
import { judgeRollout, type RolloutProblem } from './rollout.ts'
import { type WritesPorts, writeOf } from './writes.ts'

export interface DeployPorts
  extends LockPorts,
    ObservePorts,
    RecordingPorts,
    DesirePorts,
    WritesPorts,
    EnvironmentPorts {
  pods: Pods
}

export interface DeployInput extends Omit<DesireInput, 'sharedChart'> {
  environment: EnvironmentConfig
  builtin: { service: BuiltinChart; guard: BuiltinChart }
  /** A check as much as a choice; null: each service's standby. */
  color: Color | null
  /** How long a slot may take to become ready. */
  timeoutMs: number
  reason: string | null
}

export interface Deployed {
  service: string
  color: Color
  revision: string
  version: string
  action: DeployStep['action']
  /** Milliseconds until the slot was ready. */
  tookMs: number
}

export async function deploy(ports: DeployPorts, input: DeployInput): Promise<Deployed[]> {
  const uid = await ports.namespace.ensure()
  const reason = input.reason ?? `deploy of ${input.services.join(', ')}`
  return withLock(ports, reason, (locked) => deployStandby(locked, input, uid))
}

/** Under the lock, which the caller holds. */
export async function deployStandby(
  ports: DeployPorts,
  input: DeployInput,
  uid: string,
): Promise<Deployed[]> {
  const { system, shared, guard } = builtinOf(input)
  const [desired, state, written] = await Promise.all([
    desire(ports, { ...input, sharedChart: shared }),
    observe(ports),
    ports.driver.recorded(),
  ])
  const plan = planDeploy(state, {
    wanted: desired.wanted,
    color: input.color,
    unfinished: unfinishedServices(written, input.services),
  })
  if (plan.kind === 'refusal') throw refused(plan)
  const upgrades = plan.steps.filter(({ action }) => action === 'upgrade')
  const writes = await settleAll(
    upgrades.map((step) => {
      const recipe = desired.recipes[step.service]
      if (!recipe) throw new Error(`nothing says how to write ${step.service}`)
      return writeOf(ports, state, step, recipe, { system, sharedChart: shared }, written)
    }),
  )
  const { environment, timeoutMs } = input
  const prepare = () => prepareEnvironment(ports, { environment, guardChart: guard, uid }, written)
  const write = () => carryOut(ports, state, plan, writes, timeoutMs)
  if (upgrades.length === 0) {
    await prepare()
    return write()
  }
  return record(ports, state, intentOf(plan, input), async ({ phase }) => {
    await phase('prepare', prepare)
    return phase('write', write)
  })
}

function builtinOf({ config, builtin }: DeployInput) {
  return { system: config.name, shared: builtin.service, guard: builtin.guard }
}

function intentOf({ steps }: DeployPlan, { reason }: DeployInput) {
  const services = steps.map(({ service, color, wanted, replaces }) => ({
    name: service,
    from: replaces && sideOf(replaces),
    to: { color, ...wanted },
  }))
  return { verb: 'deploy' as const, reason, services }
}

export function unfinishedServices(
  recorded: Readonly<Record<string, Recorded>>,
  services: readonly string[],
): string[] {
  const isUnfinished = (name: string): boolean => recorded[name]?.finished === false
  return services.filter((service) =>
    [service, slotName(service, 'blue'), slotName(service, 'green')].some(isUnfinished),
  )
}

async function carryOut(
  ports: DeployPorts,
  state: EnvironmentState,
  plan: DeployPlan,
  writes: readonly SlotWrite[],
  timeoutMs: number,
): Promise<Deployed[]> {
  const { clock, driver, progress, signal } = ports
  const from = clock.monotonic()
  // Who lost the lock, or was frozen while it ran out, must not write any more.
  if (signal.aborted) throw interrupted()
  const writing = writes.length > 0 ? driver.writeSlots(writes, signal) : Promise.resolve([])
  return settleAll(
    plan.steps.map(async (step) => {
      const { service, color, wanted, action } = step
      const { revision, version } = wanted
      if (action === 'upgrade') {
        await progress.step(`deploy ${service} ${color} ${version}`, async () => {
          const index = writes.findIndex((write) => write.service === service)
          const written = (await writing)[index]
          if (written?.status === 'rejected') throw written.reason
          await awaitReady(ports, step, timeoutMs)
        })
      } else await pointPreview(driver, step, state.services[service]?.preview ?? null)
      const tookMs = Math.round(clock.monotonic() - from)
      return { service, color, revision, version, action, tookMs }
    }),
  )
}

async function awaitReady(
  { driver, observer, pods, signal }: DeployPorts,
  step: DeployStep,
  timeoutMs: number,
): Promise<void> {
  const { service, color, wanted } = step
  try {
    // The write may have made the Service, or changed it.
    await pointPreview(driver, step, await observer.pointer(service, 'preview'))
  } catch (error) {
    throw afterChange(error)
  }
  const slot = { service, color, revision: wanted.revision }
  const verdict = await pods.awaitRollout(slot, judgeRollout, { timeoutMs, signal })
  if (verdict?.kind === 'ready') return
  throw verdict ? await broken(pods, step, verdict) : await late(pods, step, timeoutMs)
}

/** Makes the slot the candidate: from now on smoke and switch mean it. */
async function pointPreview(
  driver: Driver,
  { service, preview }: DeployStep,
  pointer: Pointer | null,
): Promise<void> {
  if (!pointer || sameTarget(pointer.target, preview)) return
  const { resourceVersion } = pointer
  const [moved] = await driver.movePointers([
    { service, which: 'preview', to: preview, resourceVersion, release: null },
  ])
  if (moved?.status === 'rejected') throw moved.reason
}

const untouched = 'What serves was not touched.'

async function broken(pods: Pods, step: DeployStep, problem: RolloutProblem): Promise<Error> {
  const { pod, container, what, exitCode, restarted } = problem
  const lines =
    exitCode === null
      ? ''
      : await pods.logs(pod, container, { lines: 15, previous: restarted }).catch(() => '')
  return failed({
    code: 'slot-broken',
    message: `${step.service} ${step.color}: ${what}${lines ? `\n${lastLines(lines, 15)}` : ''}`,
    hint: `${untouched} Fix the service and run \`shopctl deploy\` again.`,
  })
}

async function late(pods: Pods, step: DeployStep, timeoutMs: number): Promise<Error> {
  const { service, color, wanted } = step
  const names = await pods.list(service, { color, revision: wanted.revision })
  const reasons = await Promise.all(
    names
      .slice(0, 2)
      .map(async (pod) => `${pod}: ${await pods.readiness(service, pod).catch(() => 'no answer')}`),
  )
  return failed({
    code: 'slot-not-ready',
    message: [`${service} ${color} was not ready after ${timeoutMs / 1000} s.`, ...reasons].join(
      '\n',
    ),
    hint: `${untouched} Look into the pods, then run \`shopctl deploy\` again.`,
  })
}
