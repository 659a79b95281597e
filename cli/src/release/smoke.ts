// smoke: tests the slots that wait for a switch through the preview Service, and notes for which combination it passed.
import { failed, interrupted, refused } from '../errors.ts'
import { lastLines } from './last-lines.ts'
import { chooseDeployed } from './plan.ts'
import type { Clock, Cluster, Programs, Progress, Traffic } from './ports.ts'
import { settleAll } from './settle.ts'
import { type Combination, combinationOf, type EnvironmentState, type Slot } from './state.ts'

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
  const services = await settleAll(
    found.slots.map(({ name, slot }) =>
      ports.progress.step(`smoke ${name} ${slot.color} ${slot.version}`, () =>
        smokeOne(ports, name, slot, intent.namespace, intent.scripts[name] ?? ''),
      ),
    ),
  )
  const names = services.map(({ name }) => name)
  const combination = combinationOf(state, found.slots)
  const result = { at: ports.clock.now().toISOString(), services: names, combination }
  await ports.cluster.updateRecords((records) => ({
    ...records,
    smoked: [...records.smoked, result].slice(-keptResults),
  }))
  return { services, combination }
}

const smokeOne = async (
  ports: SmokePorts,
  name: string,
  slot: Slot,
  namespace: string,
  script: string,
): Promise<Smoked['services'][number]> => {
  const { cluster, traffic, programs, signal } = ports
  const started = performance.now()
  const preview = `${name}-preview`
  await awaitPreview(cluster, name, slot, signal)
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
const awaitPreview = async (
  cluster: Cluster,
  name: string,
  slot: Slot,
  signal: AbortSignal,
): Promise<void> => {
  const pods = await cluster.pods(name, slot)
  const there = await cluster.awaitEndpoints(
    `${name}-preview`,
    (ready) => (ready.length > 0 && ready.every((pod) => pods.includes(pod)) ? true : null),
    { timeoutMs: endpointsTimeoutMs, signal },
  )
  if (there) return
  throw failed({
    code: 'preview-not-there',
    message: `The Service ${name}-preview does not lead to ${name} ${slot.color} after ${endpointsTimeoutMs / 1000} s.`,
    hint: 'Run `shopctl status`; if the slot is ready there, try again.',
  })
}
