// The helm CLI: argument vectors, and how its failures are told.
import type { Command, Shell } from '../../adapters/shell.ts'
import { failed, refused, type ShopctlError } from '../../errors.ts'
import type { ChartRelease, ChartWrite, Marks } from '../../release/ports/driver.ts'

export interface HelmOptions {
  program: string
  /** Added to the environment: KUBECONFIG. */
  env: Readonly<Record<string, string>>
  /** Context of the kubeconfig, null for its current one. */
  context: string | null
  namespace: string
  /** Relative paths of charts and values files are relative to it. */
  root: string
}

type Where = Pick<HelmOptions, 'namespace' | 'context'>

const prefix = 'shopctl.dev/'

/** Generated values come last and from standard input, so that no file has to be written. */
function valuesArgs({ valuesFiles }: ChartRelease): string[] {
  return [...valuesFiles.flatMap((file) => ['--values', file]), '--values', '-']
}

function contextArgs({ namespace, context }: Where): string[] {
  return ['--namespace', namespace, ...(context ? ['--kube-context', context] : [])]
}

export function templateCommand(release: ChartRelease, { namespace }: Where): string[] {
  return [
    'template',
    release.name,
    release.chart,
    '--namespace',
    namespace,
    ...valuesArgs(release),
    '--skip-tests',
  ]
}

export interface UpgradeOptions {
  /** Wait until everything in it is ready. */
  wait: boolean
  /** Take objects over that stand there and belong to another release. */
  adopt: boolean
}

export function upgradeCommand(
  release: ChartWrite,
  where: Where,
  { wait, adopt }: UpgradeOptions,
): string[] {
  return [
    'upgrade',
    '--install',
    release.name,
    release.chart,
    ...contextArgs(where),
    ...valuesArgs(release),
    '--reset-values',
    // Somebody may have scaled a standby slot by hand.
    '--server-side=true',
    '--force-conflicts',
    // The API server validates what it is given; helm's own reading of the schema takes most of its time.
    '--disable-openapi-validation',
    '--history-max',
    '3',
    ...labelArgs(release.marks),
    ...(adopt ? ['--take-ownership'] : []),
    ...(wait ? ['--wait', '--timeout', '3m'] : []),
  ]
}

function labelArgs(marks: Marks): string[] {
  const labels = Object.entries(marks).map(([key, value]) => `${prefix}${key}=${value}`)
  return labels.length > 0 ? ['--labels', labels.join(',')] : []
}

export function uninstallCommand(name: string, where: Where): string[] {
  return ['uninstall', name, ...contextArgs(where), '--ignore-not-found', '--cascade', 'background']
}

/** Of a release Secret's labels, those that we gave it. */
export function marksOf(labels: Readonly<Record<string, string>>): Marks {
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  )
}

export interface Helm {
  /** YAML of everything that the chart makes. */
  template(release: ChartRelease): Promise<string>
  upgrade(release: ChartWrite, options: UpgradeOptions, signal: AbortSignal): Promise<void>
  uninstall(name: string, signal: AbortSignal): Promise<void>
}

export function createHelm(shell: Shell, options: HelmOptions): Helm {
  const { program, env, root } = options
  const helm = (args: string[], more: Pick<Command, 'input' | 'signal'>) =>
    shell.run({ program, args, cwd: root, env, ...more })
  return {
    async template(release) {
      const input = JSON.stringify(release.values)
      const { exitCode, stdout, stderr } = await helm(templateCommand(release, options), { input })
      if (exitCode === 0) return stdout
      throw badValues(release, messageOf(stderr))
    },
    async upgrade(release, upgrade, signal) {
      // JSON is YAML in which every text is quoted: a hash of digits stays a text.
      const input = JSON.stringify(release.values)
      const args = upgradeCommand(release, options, upgrade)
      const { exitCode, stderr } = await helm(args, { input, signal })
      if (exitCode === 0) return
      const message = messageOf(stderr)
      // Helm has one exit code for everything; it checks values before it touches the cluster.
      if (message.includes('specifications of the schema')) throw badValues(release, message)
      throw failed({
        code: 'helm-failed',
        message: `helm could not upgrade ${release.name}:\n${message}`,
        hint: 'What serves was not touched. Remove the cause and run `shopctl deploy` again.',
      })
    },
    async uninstall(name, signal) {
      const { exitCode, stderr } = await helm(uninstallCommand(name, options), { signal })
      if (exitCode === 0) return
      throw failed({
        code: 'helm-failed',
        message: `helm could not uninstall ${name}:\n${messageOf(stderr)}`,
        hint: 'Remove the cause and run `shopctl cleanup` again.',
      })
    },
  }
}

function badValues({ name, chart, valuesFiles }: ChartRelease, message: string): ShopctlError {
  return refused({
    code: 'bad-values',
    message: `The chart ${chart} cannot be rendered as ${name}:\n${message}`,
    hint: `Correct ${[...valuesFiles, 'the chart'].join(' or ')}, then run the command again.`,
  })
}

function messageOf(stderr: string): string {
  return stderr
    .trim()
    .replace(/^Error: /, '')
    .split('\n')
    .slice(-12)
    .join('\n')
}
