// `platform up --with observability`: the images of charts/observability, and its release in a namespace of its own.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { type AddedPart, createAddedRelease, namespaces } from './added-release.ts'
import { collectorModule, goModuleItems, helpersModule, logStoreModule } from './go-program.ts'
import { type BaseImage, type ImageTools, makeProgramImage, without } from './images.ts'
import { embeddedFolder, type Layout } from './layout.ts'
import { type Item, storedAt } from './store.ts'

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
export function observabilityItems(shell: Shell, layout: Layout): Promise<Item[]> {
  return goModuleItems(shell, layout, [collectorModule, logStoreModule, helpersModule])
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

export function createObservability(
  tools: ImageTools,
  /** Folder of the chart. Reads it when it is first needed. */
  chart: () => string,
): AddedPart {
  const { layout } = tools
  /** How far the collector has read. */
  const collected = join(layout.home, 'log-collector')
  const added = createAddedRelease(tools, release, release)

  return {
    installed: added.installed,

    async install(environments, items) {
      for (const [image, [name, program, ...args]] of Object.entries(programImages)) {
        const item = items.find((each) => each.name === name)
        if (!item) throw new Error(`no item ${name}`)
        await makeProgramImage(tools, image, join(storedAt(layout, item), program), args)
      }
      // The collector and the node's exporter read folders of the node. An exporter runs beside each database.
      const wanted = namespaces({ name: release, podSecurity: 'privileged' }, environments)
      await added.kubectl(['apply', '--server-side', '--filename=-'], wanted)
      await added.upgrade(
        chart(),
        `--values=${join(embeddedFolder(), 'observability/values.yaml')}`,
        `--set-json=environments=${JSON.stringify(environments)}`,
        `--set-string=logs.pods=${join(layout.logs, 'pods')}`,
        `--set-string=logs.state=${collected}`,
      )
    },

    remove: () => added.remove(() => rm(collected, { recursive: true, force: true })),
  }
}
