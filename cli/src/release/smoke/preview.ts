// Makes the preview plane exactly the combination that is to be tested, for as long as the test runs.
import { failed } from '../../errors.ts'
import { awaitOnly, type TakeoverPorts } from '../move/takeover.ts'
import type { Observer, PodReport } from '../ports/cluster.ts'
import type { Driver } from '../ports/driver.ts'
import { settleAll, valuesOf } from '../settle.ts'
import { colors, type NamedSlot, sameTarget, type Target, targetOf } from '../slot.ts'
import type { EnvironmentState, Pointer, ServiceState } from '../state.ts'

export interface PreviewPorts extends TakeoverPorts {
  driver: Driver
  observer: Observer
}

const takeoverMs = 15_000
const pollMs = 40

/**
 * Points every preview Service to its slot of the combination, waits until these slots and no others consume the preview
 * plane, runs `test`, and points back what it moved: a slot that waits for its own switch goes on waiting.
 */
export async function withPreview<T>(
  ports: PreviewPorts,
  state: EnvironmentState,
  combination: readonly NamedSlot[],
  test: () => Promise<T>,
): Promise<T> {
  const moved: NamedSlot[] = []
  try {
    await settleAll(
      combination.map(async (each) => {
        if (await pointPreview(ports, each.name, targetOf(each.slot))) moved.push(each)
      }),
    )
    await settleAll(combination.map((each) => awaitPreview(ports, state, each)))
    return await test()
  } finally {
    await settleAll(moved.map(({ name, slot }) => pointBack(ports, state, name, slot)))
  }
}

/** Whether it had to be moved. */
async function pointPreview(ports: PreviewPorts, name: string, to: Target): Promise<boolean> {
  const pointer = await ports.observer.pointer(name, 'preview')
  if (!pointer || sameTarget(pointer.target, to)) return false
  await point(ports, name, to, pointer)
  return true
}

async function point(
  { driver }: PreviewPorts,
  service: string,
  to: Target,
  { resourceVersion }: Pointer,
): Promise<void> {
  const move = { service, which: 'preview' as const, to, resourceVersion, release: null }
  valuesOf(await driver.movePointers([move]))
}

async function pointBack(
  ports: PreviewPorts,
  state: EnvironmentState,
  name: string,
  from: Target,
): Promise<void> {
  const service = state.services[name]
  const before = service?.preview?.target
  if (!before || !stands(service, before)) return
  const pointer = await ports.observer.pointer(name, 'preview')
  // Somebody who holds the lock by now has moved it on.
  if (!pointer || !sameTarget(pointer.target, from)) return
  await point(ports, name, before, pointer)
}

function stands(service: ServiceState, target: Target): boolean {
  return service.slots[target.color]?.revision === target.revision
}

/** First the Service's endpoints, then the consumers: until both are there the test would meet another combination. */
async function awaitPreview(
  ports: PreviewPorts,
  state: EnvironmentState,
  { name, slot }: NamedSlot,
): Promise<void> {
  const { pods, clock, signal } = ports
  const from = clock.monotonic()
  const list = (): Promise<string[]> => pods.list(name, targetOf(slot))
  const who = `${name} ${slot.color}`
  const options = { from, timeoutMs: takeoverMs, empty: false }
  if (!(await awaitOnly(ports, name, 'preview', list, options))) {
    throw failed({
      code: 'preview-not-there',
      message: `The Service ${name}-preview does not lead to ${who} after ${takeoverMs / 1000} s.`,
      hint: 'Run `shopctl status`; if the slot is ready there, try again.',
    })
  }
  if (!pods.reports(name)) return
  for (;;) {
    const problem = await inTheWay(ports, state, name, slot)
    if (problem === null) return
    if (clock.monotonic() - from > takeoverMs) {
      throw failed({
        code: 'preview-not-taken-over',
        message: `${who} did not take over the preview plane within ${takeoverMs / 1000} s: ${problem}.`,
        hint: 'What serves was not touched. See the logs of this pod, then smoke again.',
      })
    }
    await clock.sleep(pollMs, signal)
  }
}

/** null: these pods consume the preview plane of their service, and no others do. */
async function inTheWay(
  { pods }: PreviewPorts,
  state: EnvironmentState,
  name: string,
  slot: Target,
): Promise<string | null> {
  const others = colors.flatMap((color) => {
    const other = state.services[name]?.slots[color]
    return other && !sameTarget(other, slot) ? [targetOf(other)] : []
  })
  const [mine, ...theirs] = await Promise.all(
    [targetOf(slot), ...others].map(async (target) => {
      const names = await pods.list(name, target)
      return Promise.all(names.map(async (pod) => ({ pod, report: await pods.report(name, pod) })))
    }),
  )
  // A service without a preview plane consumes nothing there.
  if (mine?.some(({ report }) => report && !report.preview)) return null
  const idle = mine?.find(
    ({ report }) => report?.preview?.role !== 'live' || !report.preview.consuming,
  )
  if (idle) return `${idle.pod} ${describe(idle.report)}`
  const busy = theirs.flat().find(({ report }) => report?.preview?.consuming)
  return busy ? `${busy.pod}, of another slot, still consumes it` : null
}

function describe(report: PodReport | null): string {
  if (!report) return 'does not answer as it should on its path `management.role`'
  const { preview } = report
  return preview
    ? `says of its preview plane: ${preview.role}, ${preview.consumers} consumers`
    : 'says nothing of a preview plane'
}
