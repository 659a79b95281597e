// From a plan to what a driver writes: renders what is new, refuses what would change the live slots.
import { refused } from '../../errors.ts'
import type { Observer } from '../ports/cluster.ts'
import type {
  BuiltinChart,
  ChartRelease,
  Charts,
  ChartWrite,
  Driver,
  Manifest,
  Recorded,
  SlotWrite,
} from '../ports/driver.ts'
import type { MigrationCheck, Source } from '../ports/project.ts'
import { isRefusal, type Refusal, refuse } from '../refusal.ts'
import { type Color, colors, isReady, slotLabels, slotName } from '../slot.ts'
import { type EnvironmentState, liveSlot } from '../state.ts'
import { checkApart, checkSlots, checkTraffic } from './charts.ts'
import type { Recipe } from './desire.ts'
import type { DeployStep } from './plan.ts'
import { hashOf } from './revision.ts'
import { checkShared, findPorts } from './shared.ts'

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
/** Mark of the shared release: the hash of what it renders. A slot's release has that of the one it was written with. */
const rendered = 'rendered'
const sharedRendered = 'shared'

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
  const { service, color } = step
  const slot = slotChart(state, step, recipe, input, color)
  const stands = standingShared(state, service, recorded)
  const { shared, renders } =
    stands !== null && isKnown(service, recipe, stands, recorded)
      ? await knownShared(ports, state, step, stands)
      : await checkedShared(ports, state, step, recipe, input, stands)
  const marks = { [checked]: recipe.checked, [sharedRendered]: renders }
  return { ...slot, marks, service, color, shared }
}

/** What we add to the values of a slot's chart stands under one key, so that it meets none of the chart's own. */
function slotChart(
  state: EnvironmentState,
  step: DeployStep,
  recipe: Recipe,
  { system }: WritesInput,
  color: Color,
): ChartRelease {
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
  return { name: slotName(service, color), chart, valuesFiles, values: { shopctl } }
}

function imageOf({ wanted }: DeployStep, { repository }: Recipe): string {
  return `${repository}@${wanted.digest}`
}

/** Pods are ready only when their migrations are applied: the live ones prove it. */
function isMigrated(state: EnvironmentState, service: string, migrations: string): boolean {
  const live = state.services[service] && liveSlot(state.services[service])
  return live?.migrations === migrations && isReady(live)
}

/** What the shared release renders; null where it, or a Service of it, is not there as it should be. */
function standingShared(
  state: EnvironmentState,
  service: string,
  recorded: Readonly<Record<string, Recorded>>,
): string | null {
  const { stable = null, preview = null } = state.services[service] ?? {}
  const known = recorded[service]
  return stable && preview && known?.finished ? (known.marks[rendered] ?? null) : null
}

/** Whether these charts with these values were found safe before, and go with the shared part that stands. */
function isKnown(
  service: string,
  recipe: Recipe,
  stands: string,
  recorded: Readonly<Record<string, Recorded>>,
): boolean {
  return colors.some((color) => {
    const marks = recorded[slotName(service, color)]?.marks
    return marks?.[checked] === recipe.checked && marks[sharedRendered] === stands
  })
}

/** The charts are as they were, but a Service may have come into the namespace since. */
async function knownShared(
  { observer }: WritesPorts,
  state: EnvironmentState,
  { service, color, wanted }: DeployStep,
  stands: string,
): Promise<{ shared: null; renders: string }> {
  const standing = colors.find((each) => state.services[service]?.slots[each])
  const template = standing && (await observer.podTemplate(service, standing))
  const labels = { ...template?.labels, ...slotLabels(service, { ...wanted, color }) }
  const refusal = checkTraffic(service, labels, state.others)
  if (refusal) throw refused(refusal)
  return { shared: null, renders: stands }
}

/** `shared` null: what is wanted stands. */
async function checkedShared(
  ports: WritesPorts,
  state: EnvironmentState,
  step: DeployStep,
  recipe: Recipe,
  input: WritesInput,
  stands: string | null,
): Promise<{ shared: ChartWrite | null; renders: string }> {
  const { charts } = ports
  const { service, wanted } = step
  const [blue, green] = await Promise.all(
    colors.map((color) => charts.render(slotChart(state, step, recipe, input, color))),
  )
  const slots = { blue: blue ?? [], green: green ?? [] }
  const { revision } = wanted
  const image = imageOf(step, recipe)
  const unsafe = checkSlots(service, slots, { revision, image }, state.others)
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
  const renders = hashOf(shared).slice(0, 40)
  if (renders === stands) return { shared: null, renders }
  await refuseHarm(ports.observer, state, service, shared)
  return { shared: { ...chart, marks: { [rendered]: renders } }, renders }
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
