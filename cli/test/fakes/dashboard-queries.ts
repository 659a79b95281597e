// Every query of the dashboards, with Grafana's variables replaced.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface DashboardQuery {
  dashboard: string
  /** Panel, annotation or variable. */
  place: string
  expr: string
  /** Grafana asks for one point in time, not for a range. */
  isInstant: boolean
}

interface Target {
  expr: string
  instant?: boolean
}

export interface Dashboard {
  uid: string
  panels: { title: string; targets?: Target[] }[]
  annotations: { list: { name: string; target: Target }[] }
  templating: { list: { name: string; type: string; query: string | { query: string } }[] }
}

export type Values = Record<string, string>

const folder = join(import.meta.dirname, '../../../charts/observability/files/dashboards')

/** The files that the chart ships. */
export function readDashboards(): Dashboard[] {
  return readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dashboard,
  )
}

/** `values` are those of the variables by their names, without $: environment, __range. */
export function queriesOf(dashboard: Dashboard, values: Values): DashboardQuery[] {
  const { uid, panels, annotations, templating } = dashboard
  const query = (place: string, { expr, instant = false }: Target): DashboardQuery => ({
    ...{ dashboard: uid, place, isInstant: instant },
    expr: substitute(expr, values),
  })
  return [
    ...panels.flatMap(({ title, targets = [] }) => targets.map((target) => query(title, target))),
    ...annotations.list.map(({ name, target }) => query(name, target)),
    ...templating.list
      .filter(({ type }) => type === 'query')
      .map((variable) => query(`$${variable.name}`, { expr: valuesOf(variable), instant: true })),
  ]
}

/** As Grafana does. A variable without a value is a mistake in the query. */
export function substitute(expr: string, values: Values): string {
  return expr.replaceAll(/\$(\w+)/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`$${name} has no value: ${expr}`)
    return value
  })
}

/** What Grafana asks for the values of a label, in PromQL. */
function valuesOf({ query }: { query: string | { query: string } }): string {
  const text = typeof query === 'string' ? query : query.query
  const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? []
  if (!series || !label) throw new Error(`not a query for the values of a label: ${text}`)
  return `count by (${label}) (${series})`
}

/** The metrics that a query asks for. */
export function metricsOf(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\b(by|on|ignoring|group_left|group_right) \([^)]*\)/g, '')
  const names = bare.match(/\b[a-z][\w:]*_[\w:]+\b(?! ?\()/g) ?? []
  return [...new Set(names)].sort()
}
