// Installs and upgrades charts with the helm CLI.
import { failed, refused } from '../errors.ts'
import type { Helm, HelmRelease } from '../release/ports.ts'
import type { Shell } from './shell.ts'

export interface HelmOptions {
  program: string
  /** Added to the environment: KUBECONFIG. */
  env: Readonly<Record<string, string>>
  /** Context of the kubeconfig, null for its current one. */
  context: string | null
  namespace: string
  root: string
  signal: AbortSignal
}

/** Generated values come last and from standard input, so that no file has to be written. */
export function upgradeCommand(
  release: HelmRelease,
  options: { namespace: string; context: string | null },
): string[] {
  return [
    'upgrade',
    '--install',
    release.name,
    release.chart,
    '--namespace',
    options.namespace,
    ...(options.context ? ['--kube-context', options.context] : []),
    ...release.valuesFiles.flatMap((file) => ['--values', file]),
    ...(release.values ? ['--values', '-'] : []),
    '--reset-values',
    // Someone may have scaled a standby slot by hand. The other slot goes in as the chart's lookup found it: what
    // somebody changes of it between that lookup and helm's write, say its replicas, is set back.
    '--server-side=true',
    '--force-conflicts',
    // The API server validates what it is given; helm's own reading of the schema takes most of its time.
    '--disable-openapi-validation',
    '--history-max',
    '5',
    ...(release.wait ? ['--wait', '--timeout', '3m'] : []),
  ]
}

export function createHelm(shell: Shell, options: HelmOptions): Helm {
  return {
    async upgrade(release) {
      const { exitCode, stderr } = await shell.run({
        program: options.program,
        args: upgradeCommand(release, options),
        cwd: options.root,
        env: options.env,
        signal: options.signal,
        // JSON is YAML in which every text is quoted: a hash of digits stays a text.
        ...(release.values && { input: JSON.stringify(release.values) }),
      })
      if (exitCode === 0) return
      const last = stderr
        .trim()
        .replace(/^Error: /, '')
        .split('\n')
        .slice(-12)
        .join('\n')
      // Helm has one exit code for everything; it checks values before it touches the cluster.
      if (last.includes('specifications of the schema')) {
        throw refused({
          code: 'bad-values',
          message: `The values of ${release.name} do not fit the chart ${release.chart}:\n${last}`,
          hint: `Mend ${release.valuesFiles.join(' or ')}.`,
        })
      }
      throw failed({
        code: 'helm-failed',
        message: `helm could not upgrade ${release.name}:\n${last}`,
        hint: 'What serves was not touched. Mend the cause and run `shopctl deploy` again.',
      })
    },
  }
}
