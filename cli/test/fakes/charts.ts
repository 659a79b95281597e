// Charts in memory: what the chart of a slot and that of a service make of the values that shopctl hands them.
import type { ChartRelease, Charts, Manifest } from '../../src/release/ports/driver.ts'
import { slotLabels } from '../../src/release/slot.ts'

interface SlotValues {
  service: string
  color: string
  image: string
  version: string
  revision: string
  configMaps?: Record<string, string>
  migrations?: string
  migrate?: boolean
}

interface ServiceValues {
  service: string
  ports: { stable: string | number; preview: string | number }
}

/** Another chart than the one that is safe. */
export type ChartFault = (made: Manifest[], release: ChartRelease) => Manifest[]

export interface FakeCharts extends Charts {
  /** Names of the releases that were rendered for a check, in order. */
  rendered: string[]
  /** The objects of a release. */
  make(release: ChartRelease): Manifest[]
  /** By service. */
  faults: Record<string, ChartFault>
}

/** `filesOf` has the texts of all files there are, by path. */
export function createFakeCharts(filesOf: () => Record<string, string>): FakeCharts {
  const charts: FakeCharts = {
    rendered: [],
    faults: {},
    make(release) {
      const made = manifestsOf(release)
      const { service } = release.values.shopctl as ServiceValues
      return charts.faults[service]?.(made, release) ?? made
    },
    async render(release) {
      charts.rendered.push(release.name)
      return charts.make(release)
    },
    files: async (chart) =>
      Object.entries(filesOf())
        .filter(([file]) => file.startsWith(`${chart}/`))
        .map(([file, text]) => ({
          path: file.slice(chart.length + 1),
          content: Buffer.from(text),
        })),
  }
  return charts
}

export function isShared({ values }: ChartRelease): boolean {
  return 'ports' in ((values.shopctl ?? {}) as object)
}

export function isSlot({ values }: ChartRelease): boolean {
  return values.shopctl !== undefined && 'color' in (values.shopctl as object)
}

export function slotValuesOf({ values }: ChartRelease): SlotValues {
  return values.shopctl as SlotValues
}

function manifestsOf(release: ChartRelease): Manifest[] {
  return isShared(release) ? sharedManifests(release) : slotManifests(release)
}

function slotManifests(release: ChartRelease): Manifest[] {
  const { service, color, revision, image, migrate } = slotValuesOf(release)
  const labels = slotLabels(service, { color, revision })
  const matchLabels = { 'app.kubernetes.io/name': service, 'shopctl.dev/color': color }
  const { name } = release
  const ports = [
    { name: 'http', containerPort: 8080 },
    { name: 'preview', containerPort: 8081 },
  ]
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      selector: { matchLabels },
      template: {
        metadata: { labels },
        spec: { serviceAccountName: service, containers: [{ name: service, image, ports }] },
      },
    },
  }
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, labels },
    spec: { selector: { matchLabels } },
  }
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `${name}-migrate` },
    spec: {},
  }
  return [deployment, budget, ...(migrate ? [job] : [])]
}

function sharedManifests({ values }: ChartRelease): Manifest[] {
  const { service, ports } = values.shopctl as ServiceValues
  const serviceNamed = (name: string, targetPort: string | number): Manifest => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ name: 'http', port: 80, targetPort }], edge: values.edge ?? null },
  })
  const resourceNames = [service, `${service}-preview`]
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: service } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: service },
      rules: [{ resources: ['services'], resourceNames, verbs: ['get', 'list', 'watch'] }],
    },
    serviceNamed(service, ports.stable),
    serviceNamed(`${service}-preview`, ports.preview),
  ]
}

/** One that makes these objects too, for every slot. */
export function adding(make: (name: string, deployment: Manifest) => Manifest): ChartFault {
  return (made, release) =>
    made.flatMap((each) =>
      isSlot(release) && each.kind === 'Deployment' ? [each, make(release.name, each)] : [each],
    )
}

/** One whose Deployment is another one. */
export function changing(change: (deployment: string) => string): ChartFault {
  return (made) =>
    made.map((each) =>
      each.kind === 'Deployment' ? (JSON.parse(change(JSON.stringify(each))) as Manifest) : each,
    )
}
