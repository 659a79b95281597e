// smoke: tests the slots that wait for a switch through the preview Service, and notes for which combination it passed.
import { failed, interrupted, refused } from '../errors.ts'
import { lastLines } from './last-lines.ts'
import { chooseDeployed } from './plan.ts'
import type { Clock, Cluster, Programs, Progress, Traffic } from './ports.ts'
import { settleAll } from './settle.ts'
import {
  type Combination,
  combinationOf,
  type EnvironmentState,
  type Records,
  type Slot,
  sameCombination,
  targetOf,
} from './state.ts'
import { awaitOnly } from './takeover.ts'

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

const endpointsTimeoutMs = 10_000
const keptResults = 30

/** `scripts` are paths of the smoke tests, by service. */
export const smoke = async (
  ports: SmokePorts,
  state: EnvironmentState,
  intent: {
    services: readonly string[] | null
    namespace: string
    scripts: Readonly<Record<string, string>>
  },
): Promise<Smoked> => {
  const found = chooseDeployed(state, intent.services)
  if (found.kind === 'refusal') throw refused(found)
  const combination = combinationOf(state, found.slots)
  const names = found.slots.map(({ name }) => name)
  // What counts is the last run: from here on an earlier pass stands for nothing.
  await ports.cluster.updateRecords((records) => revoked(records, combination, names))
  const services = await settleAll(
    found.slots.map(({ name, slot }) =>
      ports.progress.step(`smoke ${name} ${slot.color} ${slot.version}`, () =>
        smokeOne(ports, name, slot, intent.namespace, intent.scripts[name] ?? ''),
      ),
    ),
  )
  const result = { at: ports.clock.now().toISOString(), services: names, combination }
  await ports.cluster.updateRecords((records) => ({
    ...records,
    smoked: [...records.smoked, result].slice(-keptResults),
  }))
  return { services, combination }
}

const revoked = (
  records: Records,
  combination: Combination,
  names: readonly string[],
): Records => ({
  ...records,
  smoked: records.smoked.flatMap((result) => {
    if (!sameCombination(result.combination, combination)) return [result]
    const services = result.services.filter((name) => !names.includes(name))
    return services.length > 0 ? [{ ...result, services }] : []
  }),
})

const smokeOne = async (
  ports: SmokePorts,
  name: string,
  slot: Slot,
  namespace: string,
  script: string,
): Promise<Smoked['services'][number]> => {
  const { traffic, programs, signal } = ports
  const started = performance.now()
  const preview = `${name}-preview`
  await awaitPreview(ports, name, slot)
  const way = await traffic.open(preview)
  try {
    const { exitCode, output } = await programs.script(script, {
      SHOPCTL_SERVICE: name,
      SHOPCTL_COLOR: slot.color,
      SHOPCTL_VERSION: slot.version,
      SHOPCTL_REVISION: slot.revision,
      SHOPCTL_PREVIEW_URL: way.url,
      SHOPCTL_NAMESPACE: namespace,
    })
    if (signal.aborted) throw interrupted()
    if (exitCode !== 0) {
      throw failed({
        code: 'smoke-failed',
        message: `The smoke test of ${name} ${slot.color} (${script}) ended with exit code ${exitCode}:\n${lastLines(output, 15)}`,
        hint: 'What serves was not touched. Mend the service or its test, then deploy and smoke again.',
      })
    }
  } finally {
    await way.close()
  }
  const { color, version, revision } = slot
  return { name, color, version, revision, tookMs: Math.round(performance.now() - started) }
}

/** A Service follows its selector only after a moment; until then the test would meet the old slot. */
const awaitPreview = async (ports: SmokePorts, name: string, slot: Slot): Promise<void> => {
  const there = await awaitOnly(
    ports,
    `${name}-preview`,
    () => ports.cluster.pods(name, targetOf(slot)),
    { from: ports.clock.monotonic(), timeoutMs: endpointsTimeoutMs, empty: false },
  )
  if (there) return
  throw failed({
    code: 'preview-not-there',
    message: `The Service ${name}-preview does not lead to ${name} ${slot.color} after ${endpointsTimeoutMs / 1000} s.`,
    hint: 'Run `shopctl status`; if the slot is ready there, try again.',
  })
}
