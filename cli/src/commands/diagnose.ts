// shopctl diagnose
import { checkServices } from '../config/parse.ts'
import type { Context } from '../context.ts'
import { findingsOf } from '../inspect/diagnosis/diagnose.ts'
import type { Facts, Finding } from '../inspect/diagnosis/facts.ts'
import { readFacts } from '../inspect/diagnosis/read.ts'
import type { Result } from '../output/result.ts'
import { bad, dim, good, oneLine, warning, wrapped } from '../output/text.ts'
import { type EnvironmentState, liveColor } from '../release/state.ts'

export interface DiagnoseInput {
  /** null: all. */
  service: string | null
}

/** The default of `gitops.namespace`. */
const usualArgo = 'argocd'

export async function diagnoseCommand(
  context: Context,
  { service }: DiagnoseInput,
): Promise<Result> {
  const { config, env, environment } = context
  if (service !== null) checkServices(config, [service])
  const services = service === null ? Object.keys(config.services) : [service]
  const { facts, unread } = await readFacts(await context.cluster(), {
    env,
    services,
    namespace: environment.namespace,
    argoNamespace: environment.gitops?.namespace ?? usualArgo,
    dependencies: environment.dependencies.map(({ name }) => name),
    brokerName: environment.broker ?? null,
  })
  const findings = findingsOf(facts)
  return {
    document: { version: 1, env, services, findings, unread },
    text: (width) => diagnosisText(facts, findings, unread, width),
    summary: summaryOf(findings),
    isPrivate: true,
  }
}

function summaryOf(findings: readonly Finding[]): string {
  const [first] = findings
  if (!first) return 'nothing is wrong'
  const about = [first.service, first.color].filter((each) => each !== null).join(' ')
  return oneLine(about === '' ? first.what : `${about}: ${first.what}`)
}

export function diagnosisText(
  facts: Pick<Facts, 'env' | 'services' | 'state'>,
  findings: readonly Finding[],
  unread: readonly string[],
  width: number,
): string {
  const shared = findings.filter(({ service }) => service === null)
  const well = facts.services
    .map(({ service }) => service)
    .filter((name) => !findings.some((each) => each.service === name))
  const blocks = [
    ...(shared.length > 0 ? [blockText(`environment ${facts.env}`, shared, width)] : []),
    ...facts.services.flatMap(({ service }) =>
      serviceBlocks(facts.state, service, findings, width),
    ),
  ]
  const end = [
    ...(well.length > 0 ? [wrapped(good(`nothing is wrong with ${well.join(', ')}`), width)] : []),
    ...unread.map((line) => wrapped(dim(`not seen: ${oneLine(line)}`), width)),
  ]
  return [...blocks, ...(end.length > 0 ? [end.join('\n')] : [])].join('\n\n')
}

function serviceBlocks(
  state: EnvironmentState,
  service: string,
  findings: readonly Finding[],
  width: number,
): string[] {
  const own = findings.filter((each) => each.service === service)
  const groups = Map.groupBy(own, ({ color }) => color)
  return [...groups].map(([color, found]) => {
    const now = state.services[service]
    const slot = color && now?.slots[color]
    const role = now && color === liveColor(now) ? 'live' : 'standby'
    const about = slot
      ? `${service} ${color} ${slot.version}, ${role}, ${slot.ready} of ${slot.replicas} pods ready`
      : [service, color].filter((each) => each !== null).join(' ')
    return blockText(about, found, width)
  })
}

/** The first is the most likely one. */
function blockText(about: string, found: readonly Finding[], width: number): string {
  const lines = found.map((each, index) => {
    const mark = index === 0 ? bad('!') : warning('?')
    return findingText(mark, each, width)
  })
  return [wrapped(about, width), ...lines].join('\n')
}

function findingText(mark: string, { what, evidence, hint }: Finding, width: number): string {
  const more = evidence.flatMap((each) => wrapped(indented(each), width).split('\n')).map(dim)
  const first = wrapped(`  ${sentence(what)}`, width).trimStart()
  return [`${mark} ${first}`, ...more, wrapped(`  ${sentence(hint)}`, width)].join('\n')
}

/** A command, and the address of a registry, stay as they are. */
function sentence(text: string): string {
  return /^[a-z]+ /.test(text) ? `${text.slice(0, 1).toUpperCase()}${text.slice(1)}` : text
}

/** Lines of containers may hold control characters. */
function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${/^ */.exec(line)?.[0] ?? ''}${oneLine(line)}`)
    .join('\n')
}
