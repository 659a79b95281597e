// Computes the writes of a plan: renders new charts, and refuses those that would change the live slots.
import { refused } from '../../errors.ts'
import type { Observer } from '../ports/cluster.ts'
import {
  type BuiltinChart,
  type ChartRelease,
  type Charts,
  type ChartWrite,
  type Driver,
  type Manifest,
  type Recorded,
  revisionMark,
  type SlotWrite,
} from '../ports/driver.ts'
import type { MigrationCheck, Source } from '../ports/project.ts'
import { isRefusal, type Refusal, refuse } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type Color, colors, isReady, slotLabels, slotName } from '../slot.ts'
import { type EnvironmentState, liveSlotOf } from '../state.ts'
import { checkApart, checkSlots, checkTraffic } from './charts.ts'
import { haveContentsChanged, type ServiceContents } from './contents.ts'
import type { Recipe } from './desire.ts'
import type { DeployStep } from './plan.ts'
import { hashOf } from './revision.ts'
import { checkShared, findPorts } from './shared.ts'
import { imageOf, slotChart } from './slot-chart.ts'

export interface WritesPorts {
  charts: Charts
  observer: Observer
  source: Source
  migrations: MigrationCheck
  driver: Driver
}

/** One step of a plan and what its write depends on. */
interface WriteRequest {
  /** Name of the system as a whole. */
  system: string
  sharedChart: BuiltinChart
  state: EnvironmentState
  recorded: Readonly<Record<string, Recorded>>
  step: DeployStep
  recipe: Recipe
  contents: ServiceContents
}

/** Mark of a slot's release: the hash of the charts and values that passed the checks. */
const checkedMark = 'checked'
/** Mark of a slot's release: the hash of the shared release it was written with. */
const sharedMark = 'shared'
/** Mark of the shared release: the hash of its rendered objects. */
const renderedMark = 'rendered'

/** What to write for one step. Throws a refusal before anything is written. */
export async function writeOf(ports: WritesPorts, request: WriteRequest): Promise<SlotWrite> {
  const foreign = checkOwner(request)
  if (foreign) throw refused(foreign)
  await checkMigrations(ports, request)
  const { service, color, wanted } = request.step
  const { recipe } = request
  const currentHash = currentSharedHash(request)
  const { shared, sharedHash } =
    currentHash !== null && wasChecked(request, currentHash)
      ? await keepShared(ports, request, currentHash)
      : await renderShared(ports, request, currentHash)
  const marks = {
    [revisionMark]: wanted.revision,
    [checkedMark]: recipe.checkedHash,
    [sharedMark]: sharedHash,
    ...request.contents.marks,
  }
  const capacity = { atLeast: request.step.atLeast, declared: wanted.replicas }
  return { ...chartOf(request, color), marks, service, color, shared, ...capacity }
}

function chartOf(request: WriteRequest, color: Color): ChartRelease {
  const { step, recipe, system, contents } = request
  const { service, wanted } = step
  const migrate = !isMigrated(request) || isElsewhere(request)
  return slotChart({ system, service, wanted, recipe, migrate, ...contents.slots[color] }, color)
}

/** Ready live pods prove that their migrations are applied. */
function isMigrated({ state, step, recipe }: WriteRequest): boolean {
  const live = liveSlotOf(state, step.service)
  return live !== null && live.migrations === recipe.migrations && isReady(live)
}

/** Another Secret may name another database, where the migrations are not applied. */
function isElsewhere({ state, step, recorded, contents }: WriteRequest): boolean {
  const live = liveSlotOf(state, step.service)
  const marks = live ? recorded[slotName(step.service, live.color)]?.marks : undefined
  return haveContentsChanged(marks, contents)
}

/** The hash of the shared release in the cluster. null: it is incomplete, or one of its Services is missing. */
function currentSharedHash({ state, step, recorded }: WriteRequest): string | null {
  const { stable = null, preview = null } = state.services[step.service] ?? {}
  const known = recorded[step.service]
  return stable && preview && known?.finished ? (known.marks[renderedMark] ?? null) : null
}

/** Whether these charts and values passed the checks before, with the current shared release. */
function wasChecked({ step, recipe, recorded }: WriteRequest, currentHash: string): boolean {
  return colors.some((color) => {
    const marks = recorded[slotName(step.service, color)]?.marks
    return marks?.[checkedMark] === recipe.checkedHash && marks[sharedMark] === currentHash
  })
}

interface SharedWrite {
  /** null: the shared release is up to date. */
  shared: ChartWrite | null
  sharedHash: string
}

/** The charts are unchanged, but a Service may have been added to the namespace since they were checked. */
async function keepShared(
  { observer }: WritesPorts,
  { state, step }: WriteRequest,
  sharedHash: string,
): Promise<SharedWrite> {
  const { service, color, wanted } = step
  const existing = colors.find((each) => state.services[service]?.slots[each])
  const template = existing && (await observer.podTemplate(service, existing))
  const labels = { ...template?.labels, ...slotLabels(service, { ...wanted, color }) }
  const refusal = checkTraffic(service, labels, state.others)
  if (refusal) throw refused(refusal)
  return { shared: null, sharedHash }
}

async function renderShared(
  { charts, observer }: WritesPorts,
  request: WriteRequest,
  currentHash: string | null,
): Promise<SharedWrite> {
  const { state, step, recipe, system, sharedChart } = request
  const { service, wanted } = step
  const [blue, green] = await settleAll(
    colors.map((color) => charts.render(chartOf(request, color))),
  )
  const slots = { blue: blue ?? [], green: green ?? [] }
  const { revision } = wanted
  const image = imageOf(wanted, recipe)
  const unsafe = checkSlots(service, slots, { revision, image }, state.others)
  if (unsafe) throw refused(unsafe)
  const ports = findPorts(service, step.color, slots[step.color], recipe.port)
  if (isRefusal(ports)) throw refused(ports)
  const chart = {
    name: service,
    chart: sharedChart.path,
    valuesFiles: [],
    values: { shopctl: { system, service, ports }, ...recipe.shared },
  }
  const manifests = await charts.render(chart)
  const refusal = checkApart(service, slots, manifests)
  if (refusal) throw refused(refusal)
  const sharedHash = hashOf(manifests).slice(0, 40)
  if (sharedHash === currentHash) return { shared: null, sharedHash }
  await refuseHarm(observer, state, service, manifests)
  return { shared: { ...chart, marks: { [renderedMark]: sharedHash } }, sharedHash }
}

/** Refuses a shared release that the live pods do not tolerate. */
async function refuseHarm(
  observer: Observer,
  state: EnvironmentState,
  service: string,
  shared: readonly Manifest[],
): Promise<void> {
  const live = liveSlotOf(state, service)
  if (!live) return
  const [template, rules] = await Promise.all([
    observer.podTemplate(service, live.color),
    observer.accessRules(service),
  ])
  const refusal = template && checkShared(service, shared, template, rules ?? [])
  if (refusal) throw refused(refusal)
}

/** Both colors use one schema, so a migration may only add. The migrations of the live slot are applied already. */
async function checkMigrations(
  { source, migrations }: WritesPorts,
  request: WriteRequest,
): Promise<void> {
  const { recipe } = request
  if (isMigrated(request)) return
  const earlier: string[] = []
  for (const file of recipe.migrationFiles) {
    const sql = String(await source.read(file))
    const [found] = await migrations.contractions(file, sql, earlier)
    earlier.push(sql)
    if (!found) continue
    throw refused({
      code: 'migration-contracts',
      message: `${file}:${found.line} is more than an addition: ${found.why}.\n${found.statement}`,
      hint: 'Split it: a release may only add. Remove by hand, with `psql`, when no slot uses it any more.',
    })
  }
}

/** A Helm release of that name that shopctl did not write would be overwritten, and its objects deleted. */
function checkOwner({ state, step, recorded }: WriteRequest): Refusal | null {
  const { service } = step
  const known = recorded[service]
  if (!known) return foreignService(state, service)
  if (known.marks[renderedMark] !== undefined || !known.finished) return null
  const inOne = colors.filter((color) => {
    const slot = state.services[service]?.slots[color]
    return slot?.helmRelease === service && !slot.kept
  })
  if (inOne.length > 0) {
    const names = inOne.map((color) => slotName(service, color)).join(' and ')
    const objects = `deployments,poddisruptionbudgets --selector app.kubernetes.io/name=${service}`
    return refuse(
      'old-layout',
      `${names} ${inOne.length > 1 ? 'are' : 'is'} part of the Helm release ${service}, which an earlier shopctl wrote.`,
      `Run \`kubectl annotate ${objects} helm.sh/resource-policy=keep\` in the namespace, then this command again. No pod restarts.`,
    )
  }
  const isOurs = colors.some((color) => state.services[service]?.slots[color] != null)
  if (isOurs) return null
  return refuse(
    'foreign-release',
    `The namespace has a Helm release ${service} that shopctl did not create.`,
    `Uninstall it with \`helm uninstall ${service}\`, or rename the service in shopctl.yaml.`,
  )
}

function foreignService(state: EnvironmentState, service: string): Refusal | null {
  const { stable, preview } = state.services[service] ?? {}
  const found = stable?.target === null ? service : `${service}-preview`
  if (stable?.target !== null && preview?.target !== null) return null
  return refuse(
    'foreign-service',
    `The namespace has a Service ${found} that shopctl did not create.`,
    `Delete it with \`kubectl delete service ${found}\`, or rename the service in shopctl.yaml.`,
  )
}
