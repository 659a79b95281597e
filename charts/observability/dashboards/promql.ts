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
  const rates = perSecond(`le, ${by}`, histogram)
  return `histogram_quantile(${share}, ${rates})`
}

/** How many there were during the last `window`. */
export function countOver(window: string, series: string): string {
  return `sum(increase(${series}[${window}]))`
}

export function partOver(window: string, part: string, all: string): string {
  return `(${countOver(window, part)} or 0 * ${countOver(window, all)})`
}
