// smoke: tests each standby slot, then the whole system with these slots, and records the tested combination.
import type { Config } from '../../config/schema.ts'
import { failed, interrupted, refused } from '../../errors.ts'
import { requireService } from '../build/images.ts'
import { programFailed } from '../last-lines.ts'
import { type Locked, type LockPorts, type LockWait, withLock } from '../lock.ts'
import { chooseStandby } from '../move/plan-switch.ts'
import { type ObservePorts, observe } from '../observe.ts'
import { checkSmokeScripts } from '../paths.ts'
import type { Traffic } from '../ports/cluster.ts'
import type { Programs, Source } from '../ports/project.ts'
import { type RecordingPorts, recorded } from '../recording.ts'
import { interruptedRefusal, isRefusal } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type Combination, type NamedSlot, sideOf } from '../slot.ts'
import { combinationOf, type EnvironmentState, liveSlotOf, together } from '../state.ts'
import { type PreviewPorts, withPreview } from './preview.ts'

export interface SmokePorts extends LockPorts, ObservePorts, RecordingPorts, PreviewPorts {
  traffic: Traffic
  programs: Programs
  source: Source
}

export interface SmokeInput extends LockWait {
  config: Config
  services: readonly string[] | null
  namespaceName: string
  reason: string | null
}

export interface Smoked {
  services: { name: string; color: string; version: string; revision: string; tookMs: number }[]
  combination: Combination
}

export async function smoke(ports: SmokePorts, input: SmokeInput): Promise<Smoked> {
  const names = input.services ?? Object.keys(input.config.services)
  const reason = `smoke test of ${names.join(', ')}`
  return withLock(ports, reason, (locked) => smokeStandby(locked, input), input)
}

/** The caller holds the lock. */
export async function smokeStandby(ports: SmokePorts & Locked, input: SmokeInput): Promise<Smoked> {
  const state = await observe(ports)
  const found = interruptedRefusal(state) ?? chooseStandby(state, input.services)
  if (isRefusal(found)) throw refused(found)
  await checkSmokeScripts(
    ports.source,
    input.config,
    found.slots.map(({ name }) => name),
  )
  const combination = combinationOf(state, found.slots)
  const slots = together(state, found.slots)
  const services = await recorded(
    ports,
    state,
    { verb: 'smoke', reason: input.reason, combination, services: tested(state, found.slots) },
    ({ phase }) =>
      withPreview(ports, state, slots, () =>
        withWays(ports, slots, (urls) => testAll(ports, state, input, found.slots, urls, phase)),
      ),
  )
  return { services, combination }
}

function tested(state: EnvironmentState, slots: readonly NamedSlot[]) {
  return slots.map(({ name, slot }) => {
    const live = liveSlotOf(state, name)
    return { name, from: live ? sideOf(live) : null, to: sideOf(slot) }
  })
}

/** Opens connections to the preview Services during `test`. */
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

async function testAll(
  ports: SmokePorts,
  state: EnvironmentState,
  input: SmokeInput,
  slots: readonly NamedSlot[],
  urls: Readonly<Record<string, string>>,
  phase: <T>(name: string, run: () => Promise<T>) => Promise<T>,
): Promise<Smoked['services']> {
  const results = await phase('each', () =>
    settleAll(slots.map((each) => smokeOne(ports, each, urls[each.name] ?? '', input))),
  )
  await phase('together', () => smokeWhole(ports, state, input, urls))
  return results
}

async function smokeOne(
  ports: SmokePorts,
  { name, slot }: NamedSlot,
  url: string,
  { config, namespaceName }: SmokeInput,
): Promise<Smoked['services'][number]> {
  const { clock, progress } = ports
  const from = clock.monotonic()
  const { color, version, revision } = slot
  const { smoke: script, health } = requireService(config, name)
  await progress.step(`smoke ${name} ${color} ${version}`, () =>
    script === undefined
      ? checkHealth(ports, `${name} ${color}`, url, health)
      : run(ports, `The smoke test of ${name} ${color}`, script, {
          SHOPCTL_SERVICE: name,
          SHOPCTL_COLOR: color,
          SHOPCTL_VERSION: version,
          SHOPCTL_REVISION: revision,
          SHOPCTL_PREVIEW_URL: url,
          SHOPCTL_NAMESPACE: namespaceName,
        }),
  )
  return { name, color, version, revision, tookMs: Math.round(clock.monotonic() - from) }
}

async function checkHealth(
  { traffic, signal }: SmokePorts,
  who: string,
  url: string,
  health: string,
): Promise<void> {
  const answer = await traffic.status(`${url}${health}`, signal)
  if (typeof answer === 'number' && answer < 400) return
  throw failed({
    code: 'smoke-failed',
    message: `GET ${health} of ${who} failed: ${answer}.`,
    hint: 'The same slots are live as before. Fix the service, or set `health` or `smoke` in shopctl.yaml, then run `shopctl smoke` again.',
  })
}

async function smokeWhole(
  ports: SmokePorts,
  state: EnvironmentState,
  { config: { smoke: whole }, namespaceName }: SmokeInput,
  urls: Readonly<Record<string, string>>,
): Promise<void> {
  if (whole === undefined) return
  const missing = Object.keys(state.services).filter((name) => urls[name] === undefined)
  if (missing.length > 0) {
    // A refusal would prevent releasing the services of a new system one after another.
    const line = `${whole} was not run: ${missing.join(', ')} has neither a live nor a tested slot`
    return ports.progress.warn(line)
  }
  await ports.progress.step('smoke all services together', () =>
    run(ports, 'The smoke test of all services together', whole, {
      SHOPCTL_PREVIEW_URLS: JSON.stringify(urls),
      SHOPCTL_NAMESPACE: namespaceName,
    }),
  )
}

async function run(
  { programs, signal }: SmokePorts,
  what: string,
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const finished = await programs.script(file, env, signal)
  if (signal.aborted) throw interrupted()
  if (finished.exitCode === 0) return
  const hint =
    'The same slots are live as before. Fix the service or its test, then run `shopctl deploy` and `shopctl smoke` again.'
  throw failed({ code: 'smoke-failed', ...programFailed(`${what} (${file})`, finished, hint) })
}
