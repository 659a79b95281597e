// Queries in PromQL. Grafana replaces the variables that begin with $.

function select(metric: string, matchers: readonly string[]): string {
  return `${metric}{${matchers.join(',')}}`
}

/** Series of the chosen environment. */
export function ours(metric: string, ...matchers: string[]): string {
  return select(metric, ['environment="$environment"', ...matchers])
}

/** Series of the live plane, of both slots. */
export function live(metric: string, ...matchers: string[]): string {
  return ours(metric, 'plane="live"', ...matchers)
}

/** Series of the cluster about the environment's namespace. Exporters that are not ours know no environment. */
export function ofCluster(metric: string, ...matchers: string[]): string {
  return select(metric, ['namespace="$namespace"', ...matchers])
}

export function perSecond(by: string, series: string): string {
  return `sum by (${by}) (rate(${series}[$__rate_interval]))`
}

/** A part that never occurred has no series: it is 0. */
export function perSecondOrZero(by: string, part: string, all: string): string {
  return `${perSecond(by, part)} or 0 * ${perSecond(by, all)}`
}

export function shareOf(by: string, part: string, all: string): string {
  return `(${perSecondOrZero(by, part, all)}) / ${perSecond(by, all)}`
}

/** `histogram` selects its buckets. */
export function quantile(share: number, by: string, histogram: string): string {
  return `histogram_quantile(${share}, ${perSecond(`le, ${by}`, histogram)})`
}

/** The share of all during the last `window`. */
export function shareOver(window: string, part: string, all: string): string {
  const total = (series: string): string => `sum(increase(${series}[${window}]))`
  return `${total(part)} / ${total(all)}`
}
