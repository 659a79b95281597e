// The helm CLI: its argument vectors and its errors.
import type { Command, Limit, Shell } from '../../adapters/shell.ts'
import { failed, refused, type ShopctlError } from '../../errors.ts'
import type { ChartRelease, ChartWrite, Marks } from '../../release/ports/driver.ts'

interface HelmOptions {
  program: string
  /** Added to the environment: KUBECONFIG. */
  env: Readonly<Record<string, string>>
  /** Context of the kubeconfig, null for its current one. */
  context: string | null
  namespace: string
  /** Base of the relative paths of charts and values files. */
  root: string
  /** Of each command, and of its wait until everything is ready. */
  limit: Limit
}

type Where = Pick<HelmOptions, 'namespace' | 'context'>

const prefix = 'shopctl.dev/'
/** For helm to end after its own limit. */
const graceSeconds = 10

/** Generated values come last, from standard input. */
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

interface UpgradeOptions {
  /** Wait until everything in it is ready. */
  wait: boolean
  /** Take over existing objects of another release. */
  adopt: boolean
  /** Hint of a failure. Default: the hint for a slot. */
  hint?: string
}

export function upgradeCommand(
  release: ChartWrite,
  where: Where,
  { waitSeconds, adopt }: Pick<UpgradeOptions, 'adopt'> & { waitSeconds: number | null },
): string[] {
  return [
    'upgrade',
    '--install',
    release.name,
    release.chart,
    ...contextArgs(where),
    ...valuesArgs(release),
    '--reset-values',
    // A standby slot may have been scaled by hand.
    '--server-side=true',
    '--force-conflicts',
    // The API server validates. Helm's own reading of the schema takes most of its time.
    '--disable-openapi-validation',
    '--history-max',
    '3',
    ...labelArgs(release.marks),
    ...(adopt ? ['--take-ownership'] : []),
    // Milliseconds: Go knows no exponents.
    ...(waitSeconds === null ? [] : ['--wait', '--timeout', `${Math.ceil(waitSeconds * 1000)}ms`]),
  ]
}

function labelArgs(marks: Marks): string[] {
  const labels = Object.entries(marks).map(([key, value]) => `${markLabel(key)}=${value}`)
  return labels.length > 0 ? ['--labels', labels.join(',')] : []
}

export function uninstallCommand(name: string, where: Where): string[] {
  return ['uninstall', name, ...contextArgs(where), '--ignore-not-found', '--cascade', 'background']
}

export function rollbackCommand(name: string, version: number, where: Where): string[] {
  return [
    'rollback',
    name,
    String(version),
    ...contextArgs(where),
    '--server-side=true',
    '--force-conflicts',
    '--history-max',
    '3',
  ]
}

/** The label of a release Secret for a mark. */
export function markLabel(mark: string): string {
  return `${prefix}${mark}`
}

/** The labels of a release Secret that are marks of shopctl. */
export function marksOf(labels: Readonly<Record<string, string>>): Marks {
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  )
}

export interface Helm {
  /** YAML of all objects of the chart. */
  template(release: ChartRelease): Promise<string>
  upgrade(release: ChartWrite, options: UpgradeOptions, signal: AbortSignal): Promise<void>
  uninstall(name: string, signal: AbortSignal): Promise<void>
  /** Applies an earlier revision of the release again. */
  rollback(name: string, version: number, signal: AbortSignal): Promise<void>
}

export function createHelm(shell: Shell, options: HelmOptions): Helm {
  const { program, env, root, limit } = options
  const helm = async (
    name: string,
    args: string[],
    more: Pick<Command, 'input' | 'signal' | 'limit'>,
  ) => {
    const title = `helm ${args[0]} ${name}`
    const finished = await shell.run({ program, args, cwd: root, env, limit, title, ...more })
    const flag = /^Error: unknown flag: (\S+)/m.exec(finished.stderr)?.[1]
    if (finished.exitCode === 0 || !flag) return finished
    const version = await shell.run({
      program,
      args: ['version', '--short'],
      cwd: root,
      env,
      limit,
    })
    throw oldHelm(program, flag, version.stdout.trim())
  }
  return {
    async template(release) {
      const input = JSON.stringify(release.values)
      const { exitCode, stdout, stderr } = await helm(
        release.name,
        templateCommand(release, options),
        {
          input,
        },
      )
      if (exitCode === 0) return stdout
      throw badValues(release, messageOf(stderr))
    },
    async upgrade(release, upgrade, signal) {
      // In JSON every text is quoted, so a hash of digits stays a text.
      const input = JSON.stringify(release.values)
      const { seconds, setting } = limit
      const { wait, adopt } = upgrade
      const args = upgradeCommand(release, options, { waitSeconds: wait ? seconds : null, adopt })
      // Helm itself says what was not ready. It gets the time for that.
      const more = wait ? { limit: { seconds: seconds + graceSeconds, setting } } : {}
      const { exitCode, stderr } = await helm(release.name, args, { input, signal, ...more })
      if (exitCode === 0) return
      const message = messageOf(stderr)
      // Helm has one exit code for all errors. It checks the values before it changes the cluster.
      if (message.includes('specifications of the schema')) throw badValues(release, message)
      throw failed({
        code: 'helm-failed',
        message: `helm could not upgrade ${release.name}:\n${message}`,
        hint:
          upgrade.hint ??
          'The same slots are live as before. Fix the cause, then run `shopctl deploy` again.',
      })
    },
    async uninstall(name, signal) {
      const { exitCode, stderr } = await helm(name, uninstallCommand(name, options), { signal })
      if (exitCode === 0) return
      throw failed({
        code: 'helm-failed',
        message: `helm could not uninstall ${name}:\n${messageOf(stderr)}`,
        hint: 'Fix the cause, then run `shopctl cleanup` again.',
      })
    },
    async rollback(name, version, signal) {
      const args = rollbackCommand(name, version, options)
      const { exitCode, stderr } = await helm(name, args, { signal })
      if (exitCode === 0) return
      throw failed({
        code: 'helm-failed',
        message: `helm could not put back revision ${version} of ${name}:\n${messageOf(stderr)}`,
        hint: 'Fix the cause, then run the same command again, or delete the slot with `shopctl cleanup`.',
      })
    },
  }
}

function oldHelm(program: string, flag: string, version: string): ShopctlError {
  return refused({
    code: 'old-helm',
    message: `${program} is ${version || 'of an unknown version'} and does not know the flag ${flag}. shopctl needs helm 4.`,
    hint: 'Install helm 4 and put it first on the PATH. Run `helm version` to check it.',
  })
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
