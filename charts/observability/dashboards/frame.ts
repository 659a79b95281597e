// What all dashboards have: variables, releases as annotations, links to each other.
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
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

export function frame({ uid, title, about, services = false }: Frame): DashboardBuilder {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags([tag])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(linkToOthers())
    .annotation(releases())
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(valuesOf('environment', 'slot_live').label('Environment'))
    .withVariable(valuesOf('namespace', ours('slot_live')).hide(VariableHide.HideVariable))
  if (services)
    builder.withVariable(
      valuesOf('service', ours('slot_live')).label('Service').multi(true).includeAll(true),
    )
  return builder
}

/** Grafana numbers panels without an id anew whenever it reads them. */
export function finish(builder: DashboardBuilder): Dashboard {
  const dashboard = builder.build()
  let id = 0
  for (const panel of dashboard.panels ?? []) {
    id += 1
    panel.id = id
  }
  return dashboard
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
