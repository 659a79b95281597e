// From a plan to what a driver writes: renders what is new, refuses what would change the live slots.
import { refused } from '../../errors.ts'
import type {
  BuiltinChart,
  Charts,
  ChartWrite,
  Driver,
  Manifest,
  MigrationCheck,
  Observer,
  Recorded,
  SlotWrite,
  Source,
} from '../ports.ts'
import { isRefusal, type Refusal, refuse } from '../refusal.ts'
import { type Color, colors, isReady, slotName } from '../slot.ts'
import { type EnvironmentState, liveSlot } from '../state.ts'
import { checkApart, checkShared, checkSlots, findPorts } from './charts.ts'
import type { Recipe } from './desire.ts'
import type { DeployStep } from './plan.ts'
import { hashOf } from './revision.ts'

export interface WritesPorts {
  charts: Charts
  observer: Observer
  source: Source
  migrations: MigrationCheck
  driver: Driver
}

export interface WritesInput {
  /** Name of the system as a whole. */
  system: string
  sharedChart: BuiltinChart
}

/** Marks of a slot's release: the hash of charts and values that were found safe. */
const checked = 'checked'
/** Mark of the shared release: the hash of what it renders. */
const rendered = 'rendered'

/** What to write for one step of a plan. Throws a refusal; nothing has been written then. */
export async function writeOf(
  ports: WritesPorts,
  state: EnvironmentState,
  step: DeployStep,
  recipe: Recipe,
  input: WritesInput,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<SlotWrite> {
  const foreign = checkOwner(state, step, recorded)
  if (foreign) throw refused(foreign)
  await checkMigrations(ports, state, step, recipe)
  const slot = slotChart(state, step, recipe, input, step.color)
  const shared = isKnown(state, step, recipe, recorded)
    ? null
    : await checkedShared(ports, state, step, recipe, input, recorded)
  return { ...slot, service: step.service, color: step.color, shared }
}

/** What we add to the values of a slot's chart stands under one key, so that it meets none of the chart's own. */
function slotChart(
  state: EnvironmentState,
  step: DeployStep,
  recipe: Recipe,
  { system }: WritesInput,
  color: Color,
): ChartWrite {
  const { service, wanted } = step
  const { chart, valuesFiles, migrations } = recipe
  const { version, revision } = wanted
  const shopctl = {
    system,
    service,
    color,
    image: imageOf(step, recipe),
    version,
    revision,
    ...(migrations !== null && { migrations, migrate: !isMigrated(state, service, migrations) }),
  }
  return {
    name: slotName(service, color),
    chart,
    valuesFiles,
    values: { shopctl },
    marks: { [checked]: recipe.checked },
  }
}

function imageOf({ wanted }: DeployStep, { repository }: Recipe): string {
  return `${repository}@${wanted.digest}`
}

/** Pods are ready only when their migrations are applied: the live ones prove it. */
function isMigrated(state: EnvironmentState, service: string, migrations: string): boolean {
  const live = state.services[service] && liveSlot(state.services[service])
  return live?.migrations === migrations && isReady(live)
}

/** Whether these charts with these values were found safe before, and what the slots share is written. */
function isKnown(
  state: EnvironmentState,
  { service }: DeployStep,
  recipe: Recipe,
  recorded: Readonly<Record<string, Recorded>>,
): boolean {
  const now = state.services[service]
  return (
    recorded[service]?.finished === true &&
    now?.stable != null &&
    now.preview != null &&
    colors.some((color) => recorded[slotName(service, color)]?.marks[checked] === recipe.checked)
  )
}

async function checkedShared(
  ports: WritesPorts,
  state: EnvironmentState,
  step: DeployStep,
  recipe: Recipe,
  input: WritesInput,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<ChartWrite | null> {
  const { charts } = ports
  const { service, wanted } = step
  const [blue, green] = await Promise.all(
    colors.map((color) => charts.render(slotChart(state, step, recipe, input, color))),
  )
  const slots = { blue: blue ?? [], green: green ?? [] }
  const { revision } = wanted
  const unsafe = checkSlots(
    service,
    slots,
    { revision, image: imageOf(step, recipe) },
    state.others,
  )
  if (unsafe) throw refused(unsafe)
  const found = findPorts(service, step.color, slots[step.color], recipe.port)
  if (isRefusal(found)) throw refused(found)
  const chart = {
    name: service,
    chart: input.sharedChart.path,
    valuesFiles: [],
    values: { shopctl: { system: input.system, service, ports: found }, ...recipe.shared },
  }
  const shared = await charts.render(chart)
  const refusal = checkApart(service, slots, shared)
  if (refusal) throw refused(refusal)
  const marks = { [rendered]: hashOf(shared).slice(0, 40) }
  const known = recorded[service]
  const now = state.services[service]
  const stands = now?.stable != null && now.preview != null
  if (stands && known?.finished && known.marks[rendered] === marks[rendered]) return null
  await refuseHarm(ports.observer, state, service, shared)
  return { ...chart, marks }
}

async function refuseHarm(
  observer: Observer,
  state: EnvironmentState,
  service: string,
  shared: readonly Manifest[],
): Promise<void> {
  const live = state.services[service] && liveSlot(state.services[service])
  if (!live) return
  const [template, rules] = await Promise.all([
    observer.podTemplate(service, live.color),
    observer.accessRules(service),
  ])
  const refusal = template && checkShared(service, shared, template, rules ?? [])
  if (refusal) throw refused(refusal)
}

/** Both colors work on one schema, so a migration may only add to it. What the live slot has was checked before. */
async function checkMigrations(
  { source, migrations }: WritesPorts,
  state: EnvironmentState,
  { service }: DeployStep,
  recipe: Recipe,
): Promise<void> {
  if (recipe.migrations !== null && isMigrated(state, service, recipe.migrations)) return
  const earlier: string[] = []
  for (const file of recipe.migrationFiles) {
    const sql = String(await source.read(file))
    const [found] = await migrations.contractions(file, sql, earlier)
    earlier.push(sql)
    if (!found) continue
    throw refused({
      code: 'migration-contracts',
      message: `${file}:${found.line} is more than an addition: ${found.why}.\n${found.statement}`,
      hint: 'A migration may only add. Take away in a later release, when no slot uses it any more.',
    })
  }
}

/** A release of that name that we did not write would be overwritten, and its objects deleted. */
function checkOwner(
  state: EnvironmentState,
  { service }: DeployStep,
  recorded: Readonly<Record<string, Recorded>>,
): Refusal | null {
  const known = recorded[service]
  if (!known) return foreignService(state, service)
  if (known.marks[rendered] !== undefined || !known.finished) return null
  const inOne = colors.filter((color) => {
    const slot = state.services[service]?.slots[color]
    return slot?.helmRelease === service && !slot.kept
  })
  if (inOne.length > 0) {
    const names = inOne.map((color) => slotName(service, color)).join(' and ')
    const objects = `deployments,poddisruptionbudgets --selector app.kubernetes.io/name=${service}`
    return refuse(
      'old-layout',
      `${names} ${inOne.length > 1 ? 'are' : 'is'} part of the Helm release ${service}, as an earlier shopctl made it.`,
      `Run \`kubectl annotate ${objects} helm.sh/resource-policy=keep\` in the namespace, then this command again: no pod is restarted.`,
    )
  }
  const isOurs = colors.some((color) => state.services[service]?.slots[color] != null)
  if (isOurs) return null
  return refuse(
    'foreign-release',
    `There is a Helm release ${service} in the namespace that shopctl did not make.`,
    `Uninstall it or give it another name: shopctl keeps the Services of ${service} in a release of that name.`,
  )
}

function foreignService(state: EnvironmentState, service: string): Refusal | null {
  const { stable, preview } = state.services[service] ?? {}
  const found = stable?.target === null ? service : `${service}-preview`
  if (stable?.target !== null && preview?.target !== null) return null
  return refuse(
    'foreign-service',
    `There is a Service ${found} in the namespace that shopctl did not make.`,
    `Delete it, or give one of the two another name: shopctl makes the Services ${service} and ${service}-preview.`,
  )
}
