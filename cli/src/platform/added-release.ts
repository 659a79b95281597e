// What all parts that `platform up --with` adds have in common: a Helm release, and a mark that it is there.
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import type { Addition, EmbeddedEnvironment } from './additions.ts'
import type { Layout } from './layout.ts'
import type { Item } from './store.ts'

/** A part of the cluster that can be added and removed. */
export interface AddedPart {
  /** Pushes what images are missing, and installs or upgrades the release. Waits until its pods are ready. */
  install(environments: readonly EmbeddedEnvironment[], items: readonly Item[]): Promise<void>
  /** Deletes the release and its data. */
  remove(): Promise<void>
  /** Whether it was installed, also while the platform is stopped. */
  installed(): boolean
}

export interface AddedRelease {
  kubectl(args: readonly string[], input?: string): Promise<string>
  /** Installs or upgrades the chart, then waits until the pods of the part's own namespace are ready. */
  upgrade(chart: string, ...options: string[]): Promise<void>
  /** Deletes the release, then what `rest` deletes, then its namespace. */
  remove(rest: () => Promise<void>): Promise<void>
  installed(): boolean
}

export function createAddedRelease(
  { shell, layout }: { shell: Shell; layout: Layout },
  release: Addition,
  namespace: string,
): AddedRelease {
  const mark = join(layout.home, release)
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    shell.check({
      program: join(layout.bin, 'kubectl'),
      args: [`--kubeconfig=${layout.kubeconfig}`, ...args],
      ...(input !== undefined && { input }),
    })
  const helm = (...args: string[]): Promise<string> =>
    shell.check({
      program: join(layout.bin, 'helm'),
      args: [...args, `--kubeconfig=${layout.kubeconfig}`, `--namespace=${namespace}`],
    })
  /** A helm that was killed leaves its release locked. The volumes outlive the release. */
  const unlock = async (): Promise<void> => {
    const locked = await helm('list', '--pending', '--short')
    if (locked.trim() === release) await uninstall()
  }
  const uninstall = (): Promise<string> =>
    helm('uninstall', release, '--ignore-not-found', '--wait', '--timeout=60s')

  return {
    kubectl,
    installed: () => existsSync(mark),

    async upgrade(chart, ...options) {
      await unlock()
      // What was changed by hand is put back.
      await helm('upgrade', '--install', release, chart, '--force-conflicts', ...options)
      await writeFile(mark, '')
      // Not those in the namespaces of environments: they need a database.
      const kinds = 'statefulset,deployment,daemonset'
      const args = ['rollout', 'status', kinds, '--timeout=120s']
      await kubectl([`--namespace=${namespace}`, ...args])
    },

    async remove(rest) {
      await uninstall()
      await rest()
      await kubectl(['delete', 'namespace', namespace, '--ignore-not-found'])
      await rm(mark, { force: true })
    },
  }
}

/** The namespace of a part, and those of the environments, which must exist where a part has objects in them. */
export function namespaces(
  own: { name: string; podSecurity: 'privileged' | 'restricted' },
  environments: readonly EmbeddedEnvironment[],
): string {
  const objects = [
    { name: own.name, labels: { 'pod-security.kubernetes.io/enforce': own.podSecurity } },
    ...environments.map(({ namespace: name }) => ({ name })),
  ]
  return objects
    .map((metadata) => `${JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata })}\n`)
    .join('---\n')
}
