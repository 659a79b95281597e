// shopctl platform up | status | env | logs | down
import type { PlatformContext } from '../context.ts'
import type { Result } from '../output/result.ts'
import { folded } from '../output/text.ts'
import type { Addition } from '../platform/additions.ts'
import type { DownReport } from '../platform/down.ts'
import type { Footprint } from '../platform/leftovers.ts'
import type { PlatformStatus } from '../platform/platform.ts'

export interface PlatformUpInput {
  with?: Addition
  without?: Addition
}

export async function platformUpCommand(
  { platform, embeddedEnvironments }: PlatformContext,
  input: PlatformUpInput,
): Promise<Result> {
  const environments = input.with ? await embeddedEnvironments() : []
  const status = await platform.up({ ...input, environments })
  const shell =
    'To use kubectl, helm and docker in this shell: `eval "$(npx shopctl platform env)"`'
  return {
    document: status,
    text: (width) => folded(`${describeStatus(status)}\n\n${shell}`, width),
    summary: sentenceOf(status),
  }
}

export async function platformStatusCommand({ platform }: PlatformContext): Promise<Result> {
  const status = await platform.status()
  return {
    document: status,
    text: (width) => folded(describeStatus(status), width),
    summary: sentenceOf(status),
  }
}

export async function platformEnvCommand({ platform }: PlatformContext): Promise<Result> {
  const env = await platform.env()
  return {
    document: { version: 1, env },
    // A shell evaluates the lines, so they are not folded.
    text: () => exportLines(env),
    summary: `The platform's variables: ${Object.keys(env).join(', ')}.`,
  }
}

interface PlatformLogsInput {
  /** null: all. */
  component: string | null
  follow: boolean
  /** Lines per component. */
  tail: number
}

/** Prints the logs itself, so there is no result. */
export async function platformLogsCommand(
  { platform }: PlatformContext,
  { component, follow, tail }: PlatformLogsInput,
): Promise<null> {
  await platform.logs(component ?? undefined, { follow, tail })
  return null
}

export async function platformDownCommand(
  { platform }: PlatformContext,
  input: { purge: boolean },
): Promise<Result> {
  const report = await platform.down(input)
  return {
    document: report,
    text: (width) => folded(describeDown(report), width),
    summary: stopped,
  }
}

const stopped = 'The platform is stopped.'

function sentenceOf({ running, components }: PlatformStatus): string {
  if (running) return 'The platform is running.'
  return components.some((each) => each.running) ? 'The platform is partly running.' : stopped
}

export function describeStatus(status: PlatformStatus): string {
  const { running, kubeconfig, registry, edgeUrl, previewUrl, git, components } = status
  const added = status.with.map((name) => `  ${name.padEnd(24)} installed`)
  const addresses = [
    `  kubeconfig ${kubeconfig}`,
    `  registry   ${registry}`,
    `  edge       ${edgeUrl}`,
    `  preview    ${previewUrl}`,
    ...(git ? [`  git        ${git.url}`] : []),
  ]
  return [
    sentenceOf(status),
    ...(running ? addresses : []),
    ...components.map(({ name, pid }) => {
      const state = pid === null ? 'stopped' : `running, pid ${pid}`
      return `  ${name.padEnd(24)} ${state}`
    }),
    ...added,
  ].join('\n')
}

function count(value: Footprint[keyof Footprint]): number {
  return typeof value === 'number' ? value : value.length
}

const labels: Readonly<Record<keyof Footprint, string>> = {
  processes: 'processes',
  mounts: 'mounts',
  interfaces: 'network interfaces',
  addresses: 'addresses',
  routes: 'routes',
  packetFilter: 'iptables chains and rules',
  cgroups: 'cgroups',
}

/** A table of what existed before and after, then what stays on disk. */
export function describeDown({ before, after, kept }: DownReport): string {
  const rows = Object.entries(labels).map(([key, label]) => {
    const name = key as keyof Footprint
    return `  ${label.padEnd(26)} ${String(count(before[name])).padStart(6)} ${String(count(after[name])).padStart(6)}`
  })
  return [
    stopped,
    `  ${''.padEnd(26)} before  after`,
    ...rows,
    'Kept:',
    ...kept.map((line) => `  ${line}`),
  ].join('\n')
}

/** Single quotes keep every character except a single quote. */
function quote(value: string): string {
  const escaped = value.replaceAll("'", String.raw`'\''`)
  return `'${escaped}'`
}

/** Lines of `export NAME='value'`. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}`)
    .join('\n')
}
