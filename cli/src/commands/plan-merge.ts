// shopctl plan --from main --to HEAD
import type { Context } from '../context.ts'
import { refused, type ShopctlError } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'
import type { Change, MergePlan, ServiceMove, SlotChange } from '../release/ports/merge.ts'

export async function planMergeCommand(
  context: Context,
  names: { from: string; to: string },
): Promise<Result> {
  const compare = await context.comparison()
  const plan = await compare(names)
  const { slots, moves, refusals } = plan
  return {
    document: { version: 1, env: context.env, ...plan },
    text: (width) => mergeText(plan, context.env, width),
    summary: summaryOf(plan),
    tables: [slotRows(slots), moveRows(moves)].filter(({ length }) => length > 1),
    ...(refusals.length > 0 && { failure: wouldBeRefused(plan) }),
  }
}

function summaryOf({ slots, moves, refusals }: MergePlan): string {
  const changes = `${slots.length} slots change, ${moves.length} Services move`
  return refusals.length === 0 ? changes : `${changes}, ${refusals.length} refused`
}

/** In a workflow, each line becomes an annotation of its place. */
function wouldBeRefused({ refusals }: MergePlan): ShopctlError {
  const lines = refusals.map(
    ({ file, line, column, message }) => `  ${file}:${line}:${column}: ${message}`,
  )
  return refused({
    code: 'merge-refused',
    message: ['This must not be merged:', ...lines].join('\n'),
    hint: 'Change the branch, then run the command again.',
  })
}

function mergeText(
  { from, to, slots, moves, notes }: MergePlan,
  env: string,
  width: number,
): string {
  const range = `${from.name} (${from.commit.slice(0, 12)}) → ${to.name} (${to.commit.slice(0, 12)})`
  const parts = [
    wrapped(`${env}, ${range}`, width),
    ...[slotRows(slots), moveRows(moves)]
      .filter(({ length }) => length > 1)
      .map((rows) => table(rows, width)),
    ...(slots.length + moves.length === 0 ? ['No slot changes, and no Service moves.'] : []),
    ...notes.map((note) => wrapped(note, width)),
  ]
  return parts.join('\n\n')
}

function slotRows(slots: readonly SlotChange[]): string[][] {
  const rows = slots.flatMap((slot) => {
    const name = [slot.service, slot.live ? `${slot.color}, live` : slot.color]
    return changesOf(slot).map((change) => [...name, ...change])
  })
  return [['SERVICE', 'SLOT', 'CHANGE', 'FROM', 'TO'], ...rows]
}

function changesOf(slot: SlotChange): string[][] {
  const { action, version, image, chart, replicas, config, values } = slot
  if (action === 'removed') return [['removed', version?.from ?? '-', '-']]
  const row = (name: string, change: Change | null, short = (text: string) => text) =>
    change === null
      ? []
      : [[name, ...[change.from, change.to].map((each) => (each === null ? '-' : short(each)))]]
  const named = [
    ...row('version', version),
    ...row('image', image, (digest) => digest.replace('sha256:', '').slice(0, 12)),
    ...row('revision', slot.revision),
    ...row('chart', chart),
    ...row('replicas', replicas),
  ]
  return [...named, ...[...config.map((key) => `config ${key}`), ...values].map((key) => [key])]
}

function moveRows(moves: readonly ServiceMove[]): string[][] {
  const rows = moves.map(({ service, which, from, to, release }) => [
    service,
    which === 'stable' ? 'live' : which,
    from ? `${from.color} ${from.revision}` : '-',
    to ? `${to.color} ${to.revision}` : '-',
    release ?? '-',
  ])
  return [['SERVICE', 'TRAFFIC', 'FROM', 'TO', 'RELEASE'], ...rows]
}
