// deploy: writes the wanted revisions to the standby slots and waits until they are ready.
import { advised, interrupted } from '../../errors.ts'
import { heedFreeze } from '../freeze.ts'
import { type Hooked, type HookPorts, withHooks } from '../hooks.ts'
import { type LockPorts, type LockWait, withLock } from '../lock.ts'
import type { Pods } from '../ports/cluster.ts'
import type { BuiltinChart } from '../ports/driver.ts'
import type { Pieces } from '../ports/pieces.ts'
import { type FreezeRecord, idOf } from '../record.ts'
import {
  recorded as asRecorded,
  closeDone,
  type Recording,
  type RecordingPorts,
} from '../recording.ts'
import { afterChanges, settleAll, valuesOf } from '../settle.ts'
import { type Color, sideOf } from '../slot.ts'
import { sweepCopies } from '../sweep.ts'
import { watched } from '../watched.ts'
import { awaitReady, pointPreview } from './await-ready.ts'
import { type EnvironmentPorts, prepareEnvironment } from './environment.ts'
import { keepImages } from './keep.ts'
import { howToGoOn, notesOf } from './notes.ts'
import { keepPieces, otherSecrets, piecesOf, sweepPieces, type ToKeep } from './pieces.ts'
import type { DeployStep } from './plan.ts'
import {
  isOperation,
  type Prepared,
  type PrepareInput,
  type PreparePorts,
  prepareDeploy,
} from './prepare.ts'
import { tidy } from './tidy.ts'

export interface DeployPorts
  extends LockPorts,
    PreparePorts,
    RecordingPorts,
    EnvironmentPorts,
    HookPorts {
  pods: Pods
  pieces: Pieces
}

export interface DeployInput extends PrepareInput, LockWait {
  guardChart: BuiltinChart
  /** How long a slot may take to become ready. */
  timeoutMs: number
  reason: string | null
  /** Goes on during a freeze. */
  overrideFreeze?: boolean
}

interface StandbyInput extends DeployInput {
  /** The freeze that it goes on in spite of. null: none, or a rollback deploys, which no freeze holds up. */
  freeze?: FreezeRecord | null
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
  const change = async (locked: DeployPorts & Hooked) =>
    deployStandby(locked, { ...input, freeze: freezeOf(locked, input) }, uid)
  return withHooks(ports, 'deploy', (hooked) => withLock(hooked, reason, change, input))
}

/** The freeze that the user goes on in spite of. */
export function freezeOf(
  ports: Pick<DeployPorts, 'clock' | 'progress'>,
  { environment: { freezes }, overrideFreeze = false }: DeployInput,
): FreezeRecord | null {
  return heedFreeze(ports, { freezes, overrideFreeze })
}

/** The caller holds the lock. `again` is the command that goes on after Ctrl-C. */
export function deployStandby(
  ports: DeployPorts & Hooked,
  input: StandbyInput,
  uid: string,
  again = 'shopctl deploy',
): Promise<Deployed[]> {
  return afterChanges((changed) =>
    deployAll(watched(ports, changed), input, { uid, again, changed }),
  )
}

interface Surroundings {
  uid: string
  again: string
  changed(): void
}

async function deployAll(
  ports: DeployPorts & Hooked,
  input: StandbyInput,
  { uid, again, changed }: Surroundings,
): Promise<Deployed[]> {
  await ports.driver.confirm([], ports.signal)
  const [prepared, there] = await settleAll([prepareDeploy(ports, input), ports.pieces.list()])
  const { state, plan } = prepared
  for (const line of await notesOf(ports, prepared)) ports.progress.note(line)
  for (const line of otherSecrets(prepared)) ports.progress.warn(line)
  if (!isOperation(prepared)) {
    await makeReady(ports, prepared, input, uid)
    const deployed = await carryOut(ports, prepared, input)
    const services = plan.steps.map(({ service }) => service)
    await closeDone(ports, state, services)
    return deployed
  }
  const toKeep = await piecesOf(ports, prepared)
  const intent = intentOf(prepared, input, toKeep)
  // With the lock held: what the hook has agreed to is what is written, and nobody can deploy meanwhile. Its time limit
  // is also how long it can hold others up.
  const asked = await ports.hooks.before('pre-deploy', intent, ports.signal)
  return asRecorded(ports, state, { ...intent, ...asked }, async (recording) => {
    await recording.phase('prepare', async () => {
      const images = keepImages(ports.registry, input, prepared, idOf(recording.operation))
      const noted = images.then((isChanged) => isChanged && changed())
      await settleAll([noted, keepPieces(ports, toKeep, there)])
      await makeReady(ports, prepared, input, uid)
    })
    try {
      const deployed = await bringUp(ports, prepared, input, recording)
      // Not after a failure: what is put back later may need a copy that nothing uses now.
      await settleAll([sweepCopies(ports), sweepPieces(ports, state.journal, toKeep, there)])
      return deployed
    } catch (error) {
      throw advised(error, howToGoOn(prepared, error, again))
    }
  })
}

/** All that the slots need of the environment. */
async function makeReady(
  ports: DeployPorts,
  { recorded, podSecurity, secrets }: Prepared,
  { environment, guardChart }: StandbyInput,
  uid: string,
): Promise<void> {
  // First: the API server compares it with every pod that is created from now on.
  if (Object.keys(podSecurity).length > 0)
    await ports.namespace.label(podSecurity, { dryRun: false })
  await prepareEnvironment(ports, { environment, guardChart, secrets, uid }, recorded)
}

/** Repairs what is there, writes the slots, and puts back those that a killed deploy has left half-way. */
async function bringUp(
  ports: DeployPorts,
  prepared: Prepared,
  input: StandbyInput,
  { phase, operation }: Recording,
): Promise<Deployed[]> {
  const { plan, repairs, tidies } = prepared
  const scales = plan.steps.flatMap(({ scale }) => scale ?? [])
  if (scales.length + repairs.length > 0)
    await phase('repair', async () => {
      valuesOf(await ports.driver.scaleSlots(scales))
      for (const chart of repairs) await ports.driver.install(chart, ports.signal)
    })
  const deployed = await phase('write', () => carryOut(ports, prepared, input))
  if (tidies.length > 0) {
    const removed = await phase('put back', () => tidy(ports, tidies, input))
    for (const each of operation.services) if (removed.includes(each.name)) each.to = null
  }
  return deployed
}

function intentOf({ plan, tidies }: Prepared, { reason, freeze }: StandbyInput, { names }: ToKeep) {
  const services = plan.steps.map(({ service, color, wanted, replaces }) => {
    const tidied = tidies.find((each) => each.service === service)
    if (tidied)
      return { name: service, from: tidied.slot && sideOf(tidied.slot), to: tidied.before }
    const kept = names[service]
    const to = sideOf({ color, ...wanted })
    return { name: service, from: replaces && sideOf(replaces), to, ...(kept && { kept }) }
  })
  return { verb: 'deploy' as const, reason, services, ...(freeze && { freeze }) }
}

async function carryOut(
  ports: DeployPorts,
  prepared: Prepared,
  input: DeployInput,
): Promise<Deployed[]> {
  const { clock, progress, signal } = ports
  const { state, plan, writes } = prepared
  const from = clock.monotonic()
  // Without the lock nothing may be written.
  if (signal.aborted) throw interrupted()
  const writing = writeAll(ports, prepared)
  return settleAll(
    plan.steps.map(async (step) => {
      const { service, color, wanted, action } = step
      const { revision, version } = wanted
      if (action === 'upgrade') {
        await progress.step(`deploy ${service} ${color} ${version}`, async () => {
          const index = writes.findIndex((write) => write.service === service)
          const written = (await writing)[index]
          if (written?.status === 'rejected') throw written.reason
          await awaitReady(ports, step, input)
        })
      } else {
        // A copy that was deleted by hand is made again, for the live slot too.
        await writing
        await pointPreview(ports, step, state.services[service]?.preview ?? null)
      }
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
