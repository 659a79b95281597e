// deploy: writes the wanted revisions to the standby slots and waits until they are ready.
import { advised, afterChange, failed, interrupted } from '../../errors.ts'
import { lastLines } from '../last-lines.ts'
import { type LockPorts, withLock } from '../lock.ts'
import type { Pods, Rollout } from '../ports/cluster.ts'
import type { BuiltinChart, Driver } from '../ports/driver.ts'
import { recorded as asRecorded, type RecordingPorts } from '../recording.ts'
import { settleAll, valuesOf } from '../settle.ts'
import { type Color, sameTarget, sideOf, slotName } from '../slot.ts'
import type { Pointer } from '../state.ts'
import { sweepCopies } from '../sweep.ts'
import { type EnvironmentPorts, prepareEnvironment } from './environment.ts'
import { howToGoOn, notesOf, untouched } from './notes.ts'
import type { DeployStep } from './plan.ts'
import { type Prepared, type PrepareInput, type PreparePorts, prepareDeploy } from './prepare.ts'
import {
  createJudge,
  isWaiting,
  migrationPod,
  pendingReasons,
  type RolloutProblem,
} from './rollout.ts'
import { tidy } from './tidy.ts'
import { showWarnings } from './warnings.ts'

export interface DeployPorts extends LockPorts, PreparePorts, RecordingPorts, EnvironmentPorts {
  pods: Pods
}

export interface DeployInput extends PrepareInput {
  guardChart: BuiltinChart
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

/** The caller holds the lock. `again` is the command that goes on after Ctrl-C. */
export async function deployStandby(
  ports: DeployPorts,
  input: DeployInput,
  uid: string,
  again = 'shopctl deploy',
): Promise<Deployed[]> {
  const prepared = await prepareDeploy(ports, input)
  const { state, recorded, plan, writes, repairs, tidies, podSecurity, secrets } = prepared
  for (const line of await notesOf(ports, prepared)) ports.progress.note(line)
  const scales = plan.steps.flatMap(({ scale }) => scale ?? [])
  const { environment, guardChart } = input
  const prepare = async (): Promise<void> => {
    // First: the API server compares it with every pod that is created from now on.
    if (Object.keys(podSecurity).length > 0)
      await ports.namespace.label(podSecurity, { dryRun: false })
    await prepareEnvironment(ports, { environment, guardChart, secrets, uid }, recorded)
  }
  const write = () => carryOut(ports, prepared, input)
  if (writes.length + repairs.length + tidies.length + scales.length === 0) {
    await prepare()
    return write()
  }
  return asRecorded(ports, state, intentOf(prepared, input), async ({ phase, operation }) => {
    await phase('prepare', prepare)
    try {
      valuesOf(await ports.driver.scaleSlots(scales))
      for (const chart of repairs) await ports.driver.install(chart, ports.signal)
      const deployed = await phase('write', write)
      if (tidies.length > 0) {
        const removed = await phase('put back', () => tidy(ports, tidies))
        for (const each of operation.services) if (removed.includes(each.name)) each.to = null
      }
      // Not after a failure: what is put back later may need a copy that nothing uses now.
      await sweepCopies(ports)
      return deployed
    } catch (error) {
      throw advised(error, howToGoOn(prepared, error, again))
    }
  })
}

function intentOf({ plan, tidies }: Prepared, { reason }: DeployInput) {
  const services = plan.steps.map(({ service, color, wanted, replaces }) => {
    const tidied = tidies.find((each) => each.service === service)
    if (tidied)
      return { name: service, from: tidied.slot && sideOf(tidied.slot), to: tidied.before }
    return { name: service, from: replaces && sideOf(replaces), to: sideOf({ color, ...wanted }) }
  })
  return { verb: 'deploy' as const, reason, services }
}

async function carryOut(
  ports: DeployPorts,
  prepared: Prepared,
  input: DeployInput,
): Promise<Deployed[]> {
  const { clock, driver, progress, signal } = ports
  const { state, plan, writes } = prepared
  const from = clock.monotonic()
  // Without the lock nothing may be written.
  if (signal.aborted) throw interrupted()
  const writing = writeAll(ports, prepared)
  return settleAll(
    plan.steps.map(async (step) => {
      const { service, color, wanted, action } = step
      const { revision, version } = wanted
      // A copy that was deleted by hand is made again, for the live slot too.
      if (action !== 'upgrade') await writing
      if (action === 'upgrade') {
        await progress.step(`deploy ${service} ${color} ${version}`, async () => {
          const index = writes.findIndex((write) => write.service === service)
          const written = (await writing)[index]
          if (written?.status === 'rejected') throw written.reason
          await awaitReady(ports, step, input)
        })
      } else await pointPreview(driver, step, state.services[service]?.preview ?? null)
      const tookMs = Math.round(clock.monotonic() - from)
      return { service, color, revision, version, action, tookMs }
    }),
  )
}

async function writeAll(
  { contents, driver, signal }: DeployPorts,
  { writes, copies }: Prepared,
): Promise<PromiseSettledResult<void>[]> {
  await settleAll(copies.map((copy) => contents.copy(copy)))
  return writes.length > 0 ? driver.writeSlots(writes, signal) : []
}

type AwaitedStep = Pick<DeployStep, 'service' | 'color' | 'preview'> & {
  wanted: { revision: string }
}

/** Waits until all pods of the slot are ready. */
export async function awaitReady(
  ports: DeployPorts,
  step: AwaitedStep,
  { environment, timeoutMs }: Pick<DeployInput, 'environment' | 'timeoutMs'>,
): Promise<void> {
  const { driver, observer, pods, signal } = ports
  const { service, color, wanted } = step
  try {
    // The write may have created or changed the Service.
    await pointPreview(driver, step, await observer.pointer(service, 'preview'))
  } catch (error) {
    throw afterChange(error)
  }
  const slot = { service, color, revision: wanted.revision }
  const seen: Rollout[] = []
  const judgeNow = createJudge(ports.clock.monotonic)
  const judge = (rollout: Rollout) => {
    seen[0] = rollout
    return judgeNow(rollout)
  }
  const verdict = await pods.awaitRollout(slot, judge, { timeoutMs, signal }).catch((error) => {
    throw afterChange(error)
  })
  if (verdict?.kind === 'ready') return seen[0] && showWarnings(ports, service, seen[0])
  const options = { namespace: environment.namespace, timeoutMs }
  throw verdict
    ? await broken(pods, step, verdict)
    : await late(pods, step, seen[0] ?? null, options)
}

/** Makes the slot the candidate of smoke and switch. */
async function pointPreview(
  driver: Driver,
  { service, preview }: AwaitedStep,
  pointer: Pointer | null,
): Promise<void> {
  if (!pointer || sameTarget(pointer.target, preview)) return
  const { resourceVersion } = pointer
  const [moved] = await driver.movePointers([
    { service, which: 'preview', to: preview, resourceVersion, release: null },
  ])
  if (moved?.status === 'rejected') throw moved.reason
}

async function broken(pods: Pods, step: AwaitedStep, problem: RolloutProblem): Promise<Error> {
  const { pod, container, what, exitCode, restarted } = problem
  const lines =
    exitCode === null
      ? ''
      : await pods.logs(pod, container, { lines: 15, previous: restarted }).catch(() => '')
  return failed({
    code: 'slot-broken',
    message: `${step.service} ${step.color}: ${what}${lines ? ` Its last lines:\n${lastLines(lines, 15)}` : ''}`,
    hint: `${untouched} Fix the cause and run \`shopctl deploy\` again.`,
  })
}

async function late(
  pods: Pods,
  { service, color }: AwaitedStep,
  rollout: Rollout | null,
  { namespace, timeoutMs }: { namespace: string; timeoutMs: number },
): Promise<Error> {
  const unready = rollout?.pods.filter(({ ready }) => !ready) ?? []
  const running = unready.filter((pod) => !isWaiting(pod)).slice(0, 2)
  const answers = await Promise.all(
    running.map(
      async ({ name }) =>
        `${name}: ${await pods.readiness(service, name).catch(() => 'no answer')}`,
    ),
  )
  const reasons = rollout ? pendingReasons(rollout) : []
  const pod = (rollout && migrationPod(rollout)) ?? unready[0]
  const object = pod ? `pod ${pod.name}` : `deployment ${slotName(service, color)}`
  return failed({
    code: 'slot-not-ready',
    message: [
      `${service} ${color} was not ready after ${timeoutMs / 1000} s.`,
      ...reasons,
      ...answers,
    ].join('\n'),
    hint: `${untouched} Run \`kubectl --namespace ${namespace} describe ${object}\`, then \`shopctl deploy\` again.`,
  })
}
