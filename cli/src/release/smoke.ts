// smoke: tests the slots that wait for a switch, each alone and the whole system with them, and notes for which
// combination that passed.
import { failed, interrupted, refused } from '../errors.ts'
import { lastLines } from './last-lines.ts'
import { chooseStandby } from './plan.ts'
import type { Clock, Cluster, Programs, Progress, Traffic } from './ports.ts'
import { withPreview } from './preview.ts'
import { settleAll } from './settle.ts'
import {
  type Combination,
  combinationOf,
  type EnvironmentState,
  type NamedSlot,
  type Records,
  sameCombination,
  together,
} from './state.ts'

export interface SmokePorts {
  cluster: Cluster
  traffic: Traffic
  programs: Programs
  progress: Progress
  clock: Clock
  signal: AbortSignal
}

export interface Smoked {
  services: { name: string; color: string; version: string; revision: string; tookMs: number }[]
  combination: Combination
}

export interface SmokeIntent {
  services: readonly string[] | null
  namespace: string
  /** Paths of the smoke tests, by service. */
  scripts: Readonly<Record<string, string>>
  /** Path of the one for the system as a whole, null: there is none. */
  whole: string | null
}

const keptResults = 30

export async function smoke(
  ports: SmokePorts,
  state: EnvironmentState,
  intent: SmokeIntent,
): Promise<Smoked> {
  const found = chooseStandby(state, intent.services)
  if (found.kind === 'refusal') throw refused(found)
  const combination = combinationOf(state, found.slots)
  const slots = together(state, found.slots)
  const names = found.slots.map(({ name }) => name)
  // What counts is the last run: from here on an earlier pass stands for nothing.
  await ports.cluster.updateRecords((records) => revoked(records, combination, names))
  const services = await withPreview(ports, state, slots, () =>
    withWays(ports, slots, async (urls) => {
      const tested = await settleAll(
        found.slots.map((each) => smokeOne(ports, each, urls[each.name] ?? '', intent)),
      )
      await smokeWhole(ports, state, intent, urls)
      return tested
    }),
  )
  const result = { at: ports.clock.now().toISOString(), services: names, combination }
  await ports.cluster.updateRecords((records) => ({
    ...records,
    smoked: [...records.smoked, result].slice(-keptResults),
  }))
  return { services, combination }
}

function revoked(records: Records, combination: Combination, names: readonly string[]): Records {
  return {
    ...records,
    smoked: records.smoked.flatMap((result) => {
      if (!sameCombination(result.combination, combination)) return [result]
      const services = result.services.filter((name) => !names.includes(name))
      return services.length > 0 ? [{ ...result, services }] : []
    }),
  }
}

/** Opens ways to the preview Services of all of them, and closes them afterwards. */
async function withWays<T>(
  { traffic }: SmokePorts,
  slots: readonly NamedSlot[],
  test: (urls: Record<string, string>) => Promise<T>,
): Promise<T> {
  const ways = await settleAll(
    slots.map(async ({ name }) => ({ name, way: await traffic.open(`${name}-preview`) })),
  )
  try {
    return await test(Object.fromEntries(ways.map(({ name, way }) => [name, way.url])))
  } finally {
    await Promise.all(ways.map(({ way }) => way.close()))
  }
}

async function smokeOne(
  ports: SmokePorts,
  { name, slot }: NamedSlot,
  url: string,
  { namespace, scripts }: SmokeIntent,
): Promise<Smoked['services'][number]> {
  const started = performance.now()
  const { color, version, revision } = slot
  const file = scripts[name] ?? ''
  await ports.progress.step(`smoke ${name} ${color} ${version}`, () =>
    run(ports, `The smoke test of ${name} ${color}`, file, {
      SHOPCTL_SERVICE: name,
      SHOPCTL_COLOR: color,
      SHOPCTL_VERSION: version,
      SHOPCTL_REVISION: revision,
      SHOPCTL_PREVIEW_URL: url,
      SHOPCTL_NAMESPACE: namespace,
    }),
  )
  return { name, color, version, revision, tookMs: Math.round(performance.now() - started) }
}

async function smokeWhole(
  ports: SmokePorts,
  state: EnvironmentState,
  { whole, namespace }: SmokeIntent,
  urls: Readonly<Record<string, string>>,
): Promise<void> {
  if (whole === null) return
  const missing = Object.keys(state.services).filter((name) => urls[name] === undefined)
  if (missing.length > 0) {
    // Refusing would keep a system from being brought up, or extended, one service after another.
    const line = `${whole} was not run: ${missing.join(', ')} has no slot that serves, nor one that is tested`
    return ports.progress.warn(line)
  }
  await ports.progress.step('smoke all services together', () =>
    run(ports, 'The smoke test of all services together', whole, {
      SHOPCTL_PREVIEW_URLS: JSON.stringify(urls),
      SHOPCTL_NAMESPACE: namespace,
    }),
  )
}

async function run(
  { programs, signal }: SmokePorts,
  what: string,
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { exitCode, output } = await programs.script(file, env)
  if (signal.aborted) throw interrupted()
  if (exitCode === 0) return
  throw failed({
    code: 'smoke-failed',
    message: `${what} (${file}) ended with exit code ${exitCode}:\n${lastLines(output, 15)}`,
    hint: 'What serves was not touched. Mend the service or its test, then deploy and smoke again.',
  })
}
