// What the journal keeps of a switch or rollback that has taken over.
import { failed, said } from '../../errors.ts'
import type { ServiceRecord } from '../record.ts'
import type { Recording, RecordingPorts } from '../recording.ts'
import type { Move } from '../slot.ts'
import { type OpenTally, tallyIn } from './open-work.ts'
import type { Probed } from './probing.ts'
import { type Recycled, recycledText } from './recycle.ts'

export interface Handover {
  /** By the pods' clocks. null: the pods do not report it, or there was no event. */
  handoverMs: number | null
  /** Events that the new slot has handled so far. */
  handled: number
}

/** The measurements of one service's move. Times count from the first write. */
export interface Proof extends Move, Partial<Handover>, Partial<OpenTally> {
  endpointsMs: number
  /** null: its pods do not report what they consume. */
  consumersMs: number | null
  /** The epoch of the gate that the new slot opened. null: it consumes nothing, or has no gate. */
  epoch: number | null
  /** null: the old slot was not restarted. */
  recycled: Recycled | null
}

export function idOf({ operation }: Recording): string {
  return operation.release ?? ''
}

/** While this process was frozen, another command may have taken the lock and continued. */
export async function checkOurs(
  { journal }: Pick<RecordingPorts, 'journal'>,
  recording: Recording,
): Promise<void> {
  if (!recording.isWritten) return
  // An unreachable API server is ignored here: writing the record checks the same condition.
  if (!(await journal.isOpen(recording.operation).catch(() => true))) throw overtaken(recording)
}

function overtaken(recording: Recording): Error {
  return failed({
    code: 'overtaken',
    message: `The slots of ${idOf(recording)} took over, but another command has ended ${idOf(recording)} since.`,
    hint: 'Run `shopctl status` to see the live slots.',
  })
}

function proofRecords({ operation }: Recording, proofs: readonly Proof[]): ServiceRecord[] {
  return proofs.map((proof) => {
    const { kept } = operation.services.find(({ name }) => name === proof.name) ?? {}
    return { ...proofRecord(proof), ...(kept && { kept }) }
  })
}

function proofRecord(proof: Proof): ServiceRecord {
  const { name, from, to, recycled, endpointsMs, consumersMs, epoch, handoverMs, handled } = proof
  const restarted = recycled && { recycled: recycledText(recycled) }
  const handover = {
    ...(handoverMs != null && { handoverMs }),
    ...(handled != null && { handled }),
  }
  const measured = { endpointsMs, consumersMs, epoch, ...handover, ...tallyIn(proof) }
  return { name, from, to, proof: { ...measured, ...restarted } }
}

export async function endDone(
  recording: Recording,
  proofs: readonly Proof[],
  probed: Probed,
): Promise<void> {
  const end = () => recording.end('done', { services: proofRecords(recording, proofs), probed })
  let isOurs = false
  try {
    isOurs = await end().catch(end)
  } catch (cause) {
    const { verb } = recording.operation
    throw failed({
      code: 'not-recorded',
      message: `The slots of ${idOf(recording)} took over, but that could not be recorded: ${said(cause)}`,
      hint:
        verb === 'switch'
          ? 'They are live. Run `shopctl status`: if it shows an interrupted switch, `shopctl resume` finishes it, and `shopctl rollback` undoes it.'
          : 'They are live. Run `shopctl status`: if it shows an interrupted rollback, `shopctl resume` finishes it.',
      cause,
    })
  }
  if (!isOurs) throw overtaken(recording)
}

/** The operation is ended by then: a command that is killed before this has switched all the same. */
export async function recordRestart(
  { progress }: Pick<RecordingPorts, 'progress'>,
  recording: Recording,
  proofs: readonly Proof[],
  probed: Probed,
): Promise<void> {
  const services = proofRecords(recording, proofs)
  await recording.amend({ services, probed }).catch((error) => {
    progress.warn(`The restart of the old slots is not recorded: ${said(error)}`)
  })
}
