// `shopctl platform`: the cluster on this machine.
import { type Command, InvalidArgumentError } from 'commander'
import type { Progress } from '../output/progress.ts'
import type { DownReport } from '../platform/down.ts'
import type { Footprint } from '../platform/leftovers.ts'
import type { Platform, PlatformStatus } from '../platform/platform.ts'

export interface PlatformContext {
  platform: Platform
  output: {
    /** Writes lines for people. */
    print(text: string): void
    /** Writes one document. */
    json(document: unknown): void
  }
  progress: Progress
}

interface Flags {
  json?: true
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(value)
}

/** What `status` shows to people. */
export function describeStatus(status: PlatformStatus): string {
  const lines = status.components.map(
    ({ name, pid }) => `  ${name.padEnd(24)} ${pid === null ? 'stopped' : `running, pid ${pid}`}`,
  )
  if (!status.running) {
    const some = status.components.some(({ running }) => running)
    return [some ? 'The platform runs in part.' : 'The platform is stopped.', ...lines].join('\n')
  }
  return [
    'The platform is running.',
    `  kubeconfig ${status.kubeconfig}`,
    `  registry   ${status.registry}`,
    `  shop       ${status.edgeUrl} once released, its standby at ${status.previewUrl}`,
    ...lines,
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

/** What `down` shows to people: a table of before and after, and what stays on disk. */
export function describeDown({ before, after, kept }: DownReport): string {
  const rows = Object.entries(labels).map(([key, label]) => {
    const name = key as keyof Footprint
    return `  ${label.padEnd(26)} ${String(count(before[name])).padStart(6)} ${String(count(after[name])).padStart(6)}`
  })
  return [
    'The platform is stopped.',
    `  ${''.padEnd(26)} before  after`,
    ...rows,
    'Kept:',
    ...kept.map((line) => `  ${line}`),
  ].join('\n')
}

// For a shell to evaluate: single quotes keep everything but themselves.
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}

/** Lines of `export NAME='value'`. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}`)
    .join('\n')
}

/** Adds the verb `platform` and its own verbs. `makeContext` is called by the one that runs. */
export function registerPlatform(program: Command, makeContext: () => PlatformContext): void {
  const group = program
    .command('platform')
    .description('the Kubernetes cluster on this machine: up, status, env, logs, down')
  const verb = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option('--json', 'one JSON document on stdout')
      // Every command takes it; here it changes nothing.
      .option('--env <name>', 'any: the platform is one for all environments')

  verb('up', 'build what is missing, start what does not run').action(async ({ json }: Flags) => {
    const { platform, output } = makeContext()
    const status = await platform.up()
    if (json) return output.json(status)
    output.print(describeStatus(status))
    output.print('\nFor a shell with kubectl, helm and docker: eval "$(npx shopctl platform env)"')
  })
  verb('status', 'what runs, and where').action(async ({ json }: Flags) => {
    const { platform, output } = makeContext()
    const status = await platform.status()
    if (json) output.json(status)
    else output.print(describeStatus(status))
  })
  verb('env', 'variables for a shell: eval "$(shopctl platform env)"').action(
    async ({ json }: Flags) => {
      const { platform, output } = makeContext()
      const variables = await platform.env()
      if (json) output.json({ version: 1, env: variables })
      else output.print(exportLines(variables))
    },
  )
  group
    .command('logs')
    .description('the last lines of the logs of a component, or of all')
    .argument('[component]', 'one of those that status names')
    .option('--follow', 'go on with what is added')
    .option('--tail <lines>', 'how many lines of each', wholeNumber, 50)
    .action(async (component: string | undefined, flags: { follow?: true; tail: number }) => {
      const { platform } = makeContext()
      await platform.logs(component, { follow: flags.follow === true, tail: flags.tail })
    })
  verb('down', 'stop it and leave nothing behind but its data')
    .option('--purge', 'remove its data and everything that was built, too')
    .action(async ({ json, purge }: Flags & { purge?: true }) => {
      const { platform, output } = makeContext()
      const report = await platform.down({ purge: purge === true })
      if (json) output.json(report)
      else output.print(describeDown(report))
    })
}
