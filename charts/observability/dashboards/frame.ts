// What all dashboards have: variables, releases as annotations, links to each other.
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  AnnotationQueryBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  type RowPanel,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { dataSource } from './panels.ts'
import { ofCluster, ours } from './promql.ts'

interface Frame {
  /** Alerts link to it. */
  uid: string
  title: string
  about: string
  /** Whether one can choose services. */
  services?: boolean
}

const tag = 'shop'

/** A dashboard to which panels are added, from left to right. */
interface Draft {
  head: ReturnType<typeof headOf>
  panels: readonly AnyPanel[]
  withPanel(panel: Builder<AnyPanel>): Draft
}

type AnyPanel = Panel | RowPanel

/** In Grafana's classic model. The library's builder of it is deprecated, but many a Grafana refuses files of the newer one. */
export function frame(options: Frame): Draft {
  return draftOf(headOf(options), [])
}

function draftOf(head: Draft['head'], panels: Draft['panels']): Draft {
  return { head, panels, withPanel: (next) => draftOf(head, [...panels, next.build()]) }
}

function headOf({ uid, title, about, services = false }: Frame) {
  const variables = [
    new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    valuesOf('environment', 'slot_live').label('Environment'),
    valuesOf('namespace', ours('slot_live')).hide(VariableHide.HideVariable),
  ]
  const ofServices = valuesOf('service', ours('slot_live')).label('Service')
  if (services) variables.push(ofServices.multi(true).includeAll(true))
  return {
    timezone: 'browser',
    editable: true,
    graphTooltip: DashboardCursorSync.Crosshair,
    fiscalYearStartMonth: 0,
    schemaVersion: 42,
    templating: { list: variables.map((variable) => variable.build()) },
    annotations: { list: [releases().build()] },
    title,
    uid,
    description: about,
    tags: [tag],
    time: { from: 'now-1h', to: 'now' },
    refresh: '30s',
    links: [linkToOthers().build()],
  }
}

export function finish({ head, panels }: Draft) {
  return { ...head, panels: placed(panels) }
}

/** Of Grafana's grid. */
const columns = 24

/** In lines. A row has one of its own. Grafana numbers panels without an id anew whenever it reads them. */
function placed(panels: readonly AnyPanel[]): AnyPanel[] {
  let [x, y, height] = [0, 0, 0]
  return panels.map((panel, index) => {
    const { w, h } = panel.gridPos ?? { w: columns, h: 1 }
    if (x + w > columns) [x, y, height] = [0, y + height, 0]
    const gridPos = { h, w, x, y }
    x += w
    height = Math.max(height, h)
    return { ...panel, gridPos, id: index + 1 }
  })
}

function valuesOf(label: string, series: string): QueryVariableBuilder {
  return new QueryVariableBuilder(label)
    .datasource(dataSource)
    .query({ qryType: 1, query: `label_values(${series}, ${label})`, refId: label })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
}

function linkToOthers(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Dashboards')
    .type(DashboardLinkType.Dashboards)
    .tags([tag])
    .keepTime(true)
    .includeVars(true)
}

/** A Service gets the id of the release that moves it, so that each switch and rollback makes a new series. */
function releases(): AnnotationQueryBuilder {
  const expr = newSeries(
    ofCluster('kube_service_annotations', 'annotation_shopctl_dev_release!=""'),
    'annotation_shopctl_dev_release, service',
    ofCluster('kube_service_labels'),
  )
  return new AnnotationQueryBuilder()
    .name('Releases')
    .enable(true)
    .iconColor('purple')
    .datasource(dataSource)
    .target(new DataqueryBuilder().expr(expr).refId('releases').range())
    .useValueForTime(true)
    .titleFormat('{{annotation_shopctl_dev_release}}: {{service}}')
    .textFormat(
      '{{service}} moved to the other slot in release {{annotation_shopctl_dev_release}}.',
    )
    .tagKeys('service')
}

/**
 * The time in milliseconds at which each series began, once, in the step in which it did. A gap of less than an hour is no
 * beginning. Neither is the start of Prometheus: `others` were there before.
 */
function newSeries(series: string, by: string, others: string): string {
  const now = `timestamp(max by (${by}) (${series}))`
  const began = `(min_over_time(${now}[$__interval:5s]) or ${now})`
  const before = `max by (${by}) (last_over_time(${series}[1h] offset $__interval))`
  const known = `last_over_time(${others}[1h] offset $__interval)`
  return `1000 * ${began} unless ${before} and on () ${known}`
}
