// shopctl status
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { good } from '../output/text.ts'
import { colors } from '../release/state.ts'
import { readStatus, type ServiceStatus, type SlotStatus, type Status } from '../release/status.ts'

export async function statusCommand(context: Context): Promise<Result> {
  const status = await readStatus(await context.cluster(), context.env, context.chosen)
  return {
    document: { version: 1, ...status },
    text: (width) => statusText(status, width),
    summary: `${context.env} serves ${status.release ?? 'no release yet'}.`,
  }
}

export function statusText(
  { env, release, operation, lock, services }: Status,
  width: number,
): string {
  const lines = [`${env}  ${release ?? 'no release yet'}`]
  if (operation)
    lines.push(`${operation.verb} ${operation.id} ${operation.step}: ${operation.next}`)
  if (lock) lines.push(`locked by ${lock.holder} since ${lock.since}: ${lock.reason}`)
  const rows = Object.entries(services).flatMap(([name, service]) => slotRows(name, service))
  const heading = ['SERVICE', 'SLOT', 'VERSION', 'REVISION', 'READY', 'SMOKE', 'CONSUME']
  return [...lines, '', table([heading, ...rows], width)].join('\n')
}

function slotRows(name: string, { active, epoch, slots }: ServiceStatus): string[][] {
  const rows = colors.flatMap((color) => {
    const slot = slots[color]
    return slot ? [slotRow(color, slot, color === active ? { epoch } : null)] : []
  })
  if (rows.length === 0) return [[name, '-', 'not deployed']]
  return rows.map((row, index) => [index === 0 ? name : '', ...row])
}

/** `live` null: another slot serves. */
function slotRow(color: string, slot: SlotStatus, live: { epoch: number | null } | null): string[] {
  return [
    live ? good(`● ${color}`) : `  ${color}`,
    slot.version,
    slot.revision,
    `${slot.ready}/${slot.replicas}`,
    slot.smoked ? 'passed' : '-',
    // A column of its own would not fit into 80.
    live?.epoch ? `${slot.consumers} epoch ${live.epoch}` : String(slot.consumers),
  ]
}
