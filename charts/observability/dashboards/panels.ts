// The kinds of panels that the dashboards have.
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MappingType,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

export interface Query {
  expr: string
  /** The name of each series, with its labels: `{{color}}`. */
  name: string
  /** Points that lead to the trace of one request. Only histograms have them. */
  exemplars?: boolean
}

/** Grafana's names of units. */
type Unit = 'percentunit' | 's' | 'reqps' | 'ops' | 'short' | 'bytes' | 'currencyEUR'

export interface Panel {
  title: string
  about: string
  unit: Unit
  queries: readonly Query[]
  /** Of 24. */
  width: number
  height?: number
  /** What is worse than this is red. */
  limit?: { above: number } | { below: number }
}

export const dataSource = { type: 'prometheus', uid: '$datasource' }
const [green, red] = ['green', 'red']

/** Series of a slot have its color. The median is lighter. */
const slotColors = ['blue', 'green'].flatMap((color) => [
  { pattern: `/^${color}/`, shade: color },
  { pattern: `/^${color}.* p50$/`, shade: `light-${color}` },
])

export function drawLines(panel: Panel): LinesBuilder {
  const builder = new LinesBuilder()
    .min(0)
    .showPoints(VisibilityMode.Never)
    .fillOpacity(panel.queries.length > 1 ? 0 : 8)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
    .thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(
        panel.limit ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off,
      ),
    )
  for (const query of panel.queries) builder.withTarget(asRange(query))
  for (const { pattern, shade } of slotColors)
    builder.overrideByRegexp(pattern, [
      { id: 'color', value: { mode: 'fixed', fixedColor: shade } },
    ])
  return describe(builder, panel)
}

/** The last value, and how it came about. */
export function showValue(panel: Panel): StatBuilder {
  const builder = new StatBuilder()
    .colorMode(panel.limit ? BigValueColorMode.Value : BigValueColorMode.None)
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  for (const query of panel.queries) builder.withTarget(asInstant(query))
  return describe(builder, panel)
}

/** One row for the labels that the queries have in common, one column for each query. */
export function showTable(panel: Panel, hidden: readonly string[] = []): TableBuilder {
  const renamed = panel.queries.map(({ name }, index) => [`Value #${refIdOf(index)}`, name])
  const builder = new TableBuilder()
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(['Time', ...hidden].map((name) => [name, true])),
        renameByName: Object.fromEntries(renamed),
      },
    })
  for (const [index, query] of panel.queries.entries())
    builder.withTarget(asInstant(query).format(PromQueryFormat.Table).refId(refIdOf(index)))
  return describe(builder, panel)
}

/** States over time. Value 1 is the first state, 2 the second. Each has the color of its name. */
export function drawStates(panel: Panel, states: readonly string[]): TimelineBuilder {
  const texts = states.map((text, index) => [String(index + 1), { text, color: text, index }])
  const builder = new TimelineBuilder()
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .mappings([{ type: MappingType.ValueToText, options: Object.fromEntries(texts) }])
  for (const query of panel.queries) builder.withTarget(asRange(query))
  return describe(builder, panel)
}

type Builder = LinesBuilder | StatBuilder | TableBuilder | TimelineBuilder

function describe<Kind extends Builder>(builder: Kind, panel: Panel): Kind {
  builder
    .title(panel.title)
    .description(panel.about)
    .unit(panel.unit)
    .datasource(dataSource)
    .span(panel.width)
    .height(panel.height ?? 8)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(stepsOf(panel)))
  return builder
}

function stepsOf({ limit }: Panel): Threshold[] {
  if (!limit) return [{ value: null, color: green }]
  const [below, above] = 'above' in limit ? [green, red] : [red, green]
  const value = 'above' in limit ? limit.above : limit.below
  return [
    { value: null, color: below },
    { value, color: above },
  ]
}

function asRange({ expr, name, exemplars = false }: Query): DataqueryBuilder {
  return new DataqueryBuilder().expr(expr).legendFormat(name).exemplar(exemplars).range()
}

function asInstant({ expr, name }: Query): DataqueryBuilder {
  return new DataqueryBuilder().expr(expr).legendFormat(name).instant()
}

function refIdOf(index: number): string {
  return String.fromCodePoint(65 + index)
}
