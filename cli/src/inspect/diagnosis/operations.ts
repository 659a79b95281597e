// What the journal says: an operation that runs, was interrupted, or failed. Pure.
import { withoutLogins } from '../../release/last-lines.ts'
import { holderText } from '../../release/lock.ts'
import { idOf, moveOf, type Operation, operationsOf } from '../../release/record.ts'
import { interruption } from '../interruption.ts'
import type { Facts, Found } from './facts.ts'
import { ago, logLines, shopctl, shown } from './words.ts'

/** Of the environment: who works on it now, or has not finished. */
export function runningFindings(facts: Facts): Found[] {
  const { lock, state } = facts
  const { open } = state.journal
  const title = open ? `the ${open.verb} ${idOf(open)} of ${open.by}` : ''
  const evidence = lock
    ? [`locked by ${holderText(lock)}, ${ago(facts, lock.since)}: ${shown(lock.reason)}`]
    : []
  if (lock && !lock.byHand) {
    return [
      {
        cause: 'operation-running',
        what: open
          ? `${title} is under way: what is shown here may pass.`
          : 'somebody holds the lock.',
        evidence,
        hint: `Wait for it, then run ${shopctl(facts, 'status')}. The lock of a killed command expires within 15 s.`,
      },
    ]
  }
  const byHand: Found[] = lock
    ? [
        {
          cause: 'locked-by-hand',
          what: 'somebody has locked this environment by hand.',
          evidence,
          hint: `Ask them. ${shopctl(facts, 'unlock --reason "…"')} ends the lock.`,
        },
      ]
    : []
  if (!open) return byHand
  const { hint } = interruption(state, open, facts.env)
  return [
    ...byHand,
    {
      cause: 'operation-interrupted',
      what: `${title} was interrupted.`,
      evidence: [`it began ${ago(facts, open.startedAt)}, and has no end`, ...phasesOf(open)],
      hint,
    },
  ]
}

function phasesOf({ phases }: Operation): string[] {
  const done = phases.map(({ name, tookMs }) => `${name} ${(tookMs / 1_000).toFixed(1)} s`)
  return done.length > 0 ? [`its phases: ${done.join(', ')}`] : []
}

/** The last operation of a service, if it did not end well. */
export function failedFindings(facts: Facts, service: string): Found[] {
  const all = operationsOf(facts.state.journal)
  const last = all.findLast((operation) => moveOf(operation, service) !== undefined)
  if (!last || last.outcome === 'done' || last.outcome === null) return []
  const id = idOf(last)
  const lines = withoutLogins(last.error ?? '').split('\n')
  const own = lines.filter((line) => isAbout(line, service))
  const culprits = last.services.filter(({ name }) => lines.some((line) => isAbout(line, name)))
  const isOther = own.length === 0 && culprits.length > 0
  const others = culprits.map(({ name }) => name).join(', ')
  const because = isOther ? ` because of ${others}` : ''
  const history = shopctl(facts, `history show ${id}`)
  const logs = shopctl(facts, `logs ${isOther ? culprits[0]?.name : service}`)
  const said = own.length > 0 ? own : lines.filter((line) => line.trim() !== '')
  return [
    {
      cause: 'operation-failed',
      what: `${endOf(last)}${because}.`,
      evidence: [
        `${id}, ${last.verb} by ${last.by}, ended ${ago(facts, last.endedAt)}`,
        ...logLines(said),
        ...phasesOf(last),
      ],
      hint: `${history} shows its record, ${logs} what the pods wrote.`,
    },
  ]
}

/** Lines of an error begin with what they are about: `order green: …`. */
function isAbout(line: string, service: string): boolean {
  return line.startsWith(`${service} `) || line.startsWith(`${service}: `)
}

function endOf({ verb, outcome }: Operation): string {
  const title = `its last ${verb}`
  if (outcome === 'undone') return `${title} went back: the slots before it are live again`
  return outcome === 'interrupted' ? `${title} was interrupted` : `${title} failed`
}
