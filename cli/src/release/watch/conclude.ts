// What the verdicts of all gates mean together. Pure.
import type { GateRecord } from '../watch-record.ts'
import { gateName } from './words.ts'

export type Conclusion =
  | { kind: 'passed' }
  /** More time may bring enough requests. */
  | { kind: 'short'; services: string[] }
  | { kind: 'inconclusive'; why: string }

/** The gate that the watch goes back for. */
export function breachIn(gates: readonly GateRecord[]): GateRecord | null {
  return gates.find(({ outcome, mode }) => outcome === 'breach' && mode === 'on') ?? null
}

/**
 * Passed: each service has been judged by its failures, and nothing that is asked for is unread.
 * @param probed the service that the probe asks
 */
export function conclude(
  gates: readonly GateRecord[],
  services: readonly string[],
  probed: string | null,
): Conclusion {
  const unread = gates.filter(({ outcome, mode }) => outcome === 'unread' && mode === 'on')
  // Its consumers may have stopped. Those of the gates that count are in `stateOf`.
  const silent = gates.filter(
    ({ gate, outcome, mode }) => gate === 'age' && outcome === 'inconclusive' && mode === 'on',
  )
  const judged = services.map((name) => ({ name, state: stateOf(gates, name, probed) }))
  const named = (state: ServiceState): string[] =>
    judged.filter((each) => each.state === state).map(({ name }) => name)
  const short = named('short')
  if (short.length > 0) return { kind: 'short', services: short }
  const why = [
    ...(named('unjudged').length > 0 ? [`nothing judges ${named('unjudged').join(', ')}`] : []),
    ...(silent.length > 0
      ? [`no message since the switch: ${silent.map(gateName).join(', ')}`]
      : []),
    ...(unread.length > 0 ? [`unread: ${unread.map(gateName).join(', ')}`] : []),
  ]
  return why.length > 0 ? { kind: 'inconclusive', why: why.join('; ') } : { kind: 'passed' }
}

type ServiceState = 'judged' | 'short' | 'unjudged'

function stateOf(gates: readonly GateRecord[], name: string, probed: string | null): ServiceState {
  const tests = gates.filter(
    ({ gate, service }) =>
      (service === name && (gate === 'errors' || gate === 'handlers')) ||
      (gate === 'probe' && probed === name),
  )
  const has = (...outcomes: GateRecord['outcome'][]): boolean =>
    tests.some(({ outcome }) => outcomes.includes(outcome))
  // Somebody has turned them off on purpose.
  if (tests.length === 0 || has('passes', 'breach')) return 'judged'
  return has('inconclusive') ? 'short' : 'unjudged'
}

export function shortText(gates: readonly GateRecord[], services: readonly string[]): string {
  const counts = services.map((name) => {
    const tests = gates.filter(
      ({ service, gate }) => service === name && (gate === 'errors' || gate === 'handlers'),
    )
    const requests = tests.reduce((sum, each) => sum + (each.requests ?? 0), 0)
    return `${name} had ${requests} requests and messages`
  })
  return `too few to judge by: ${counts.join(', ')}`
}
