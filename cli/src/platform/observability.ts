// `platform up --with observability`: the images of charts/observability, and its release in a namespace of its own.
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { collectorItem, helpersItem, logStoreItem } from './go-program.ts'
import { type BaseImage, type ImageTools, makeProgramImage, without } from './images.ts'
import { embeddedFolder, type Layout } from './layout.ts'
import { type Item, storedAt } from './store.ts'

/** An environment of shopctl.yaml in the embedded cluster. */
export interface ObservedEnvironment {
  name: string
  namespace: string
}

const release = 'observability'

/** Debian's programs under the names that they have in the public images. */
const programs = {
  alertmanager: 'prometheus-alertmanager',
  node_exporter: 'prometheus-node-exporter',
  postgres_exporter: 'prometheus-postgres-exporter',
}

export const observabilityImage: BaseImage = {
  repository: 'prom/prometheus',
  tag: 'v2.53.3',
  also: [
    'prom/alertmanager:v0.28.1',
    'prom/node-exporter:v1.9.0',
    'prometheuscommunity/postgres-exporter:v0.17.1',
  ],
  suite: 'trixie',
  packages: ['prometheus', ...Object.values(programs)],
  user: { name: 'prometheus', id: 999, home: '/var/lib/prometheus', shell: '/usr/sbin/nologin' },
  options: [
    // Large, and no pod runs them.
    ...['promtool', 'amtool'].map((tool) => without(`/usr/bin/${tool}`)),
    ...Object.entries(programs).map(
      ([name, program]) => `--customize-hook=ln -s ${program} "$1/usr/bin/${name}"`,
    ),
  ],
  changes: ['ENTRYPOINT ["/bin/prometheus"]'],
}

/** The Go programs: OpenTelemetry's collector, VictoriaLogs, and our own. */
export async function observabilityItems(shell: Shell, layout: Layout): Promise<Item[]> {
  return [
    await collectorItem(shell, layout),
    await logStoreItem(shell, layout),
    await helpersItem(shell, layout),
  ]
}

/** Image → the item with its program, and the arguments that are always there. */
export const programImages: Readonly<
  Record<string, [item: string, program: string, ...args: string[]]>
> = {
  'otel/opentelemetry-collector-contrib:0.160.0': ['log-collector', 'log-collector'],
  'victoriametrics/victoria-logs:v1.52.1': ['log-store', 'log-store'],
  'shopctl/cluster-state:1': ['observability-helpers', 'helpers', 'cluster-state'],
  'shopctl/slack-receiver:1': ['observability-helpers', 'helpers', 'slack-receiver'],
}

export interface Observability {
  /** Pushes what images are missing, and installs or upgrades the release. Waits until its pods are ready. */
  install(environments: readonly ObservedEnvironment[], items: readonly Item[]): Promise<void>
  /** Deletes the release and its data. */
  remove(): Promise<void>
  /** Whether it was installed, also while the platform is stopped. */
  installed(): boolean
}

export function createObservability(
  { shell, layout, docker }: ImageTools,
  /** Folder of the chart. Reads it when it is first needed. */
  chart: () => string,
): Observability {
  const mark = join(layout.home, release)
  /** How far the collector has read. */
  const collected = join(layout.home, 'log-collector')
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    shell.check({
      program: join(layout.bin, 'kubectl'),
      args: [`--kubeconfig=${layout.kubeconfig}`, ...args],
      ...(input !== undefined && { input }),
    })
  const helm = (...args: string[]): Promise<string> =>
    shell.check({
      program: join(layout.bin, 'helm'),
      args: [...args, `--kubeconfig=${layout.kubeconfig}`, `--namespace=${release}`],
    })
  /** A helm that was killed leaves its release locked. The volumes outlive the release. */
  const unlock = async (): Promise<void> => {
    const locked = await helm('list', '--pending', '--short')
    if (locked.trim() === release) await uninstall()
  }
  const uninstall = (): Promise<string> =>
    helm('uninstall', release, '--ignore-not-found', '--wait', '--timeout=60s')

  return {
    async install(environments, items) {
      for (const [image, [name, program, ...args]] of Object.entries(programImages)) {
        const item = items.find((each) => each.name === name)
        if (!item) throw new Error(`no item ${name}`)
        const file = join(storedAt(layout, item), program)
        await makeProgramImage({ shell, layout, docker }, image, file, args)
      }
      await kubectl(['apply', '--server-side', '--filename=-'], namespaces(environments))
      await unlock()
      await helm(
        // What was changed by hand is put back.
        ...['upgrade', '--install', release, chart(), '--force-conflicts'],
        `--values=${join(embeddedFolder(), 'observability/values.yaml')}`,
        `--set-json=environments=${JSON.stringify(environments)}`,
        `--set-string=logs.pods=${join(layout.logs, 'pods')}`,
        `--set-string=logs.state=${collected}`,
      )
      await writeFile(mark, '')
      // Not those in the namespaces of environments: they need a database.
      const kinds = 'statefulset,deployment,daemonset'
      const args = ['rollout', 'status', kinds, '--timeout=120s']
      await kubectl([`--namespace=${release}`, ...args])
    },

    async remove() {
      await uninstall()
      await kubectl(['delete', 'namespace', release, '--ignore-not-found'])
      await rm(collected, { recursive: true, force: true })
      await rm(mark, { force: true })
    },

    installed: () => existsSync(mark),
  }
}

/** An exporter runs beside each database, so the namespaces of the environments must exist. */
function namespaces(environments: readonly ObservedEnvironment[]): string {
  const objects = [
    // The collector and the node's exporter read folders of the node.
    { name: release, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
    ...environments.map(({ namespace: name }) => ({ name })),
  ]
  return objects
    .map((metadata) => `${JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata })}\n`)
    .join('---\n')
}
