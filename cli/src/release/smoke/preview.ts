// Points the preview plane to the tested combination while the test runs.
import { failed, said } from '../../errors.ts'
import type { Locked } from '../lock.ts'
import { awaitOnly, refreshed, type TakeoverPorts } from '../move/takeover.ts'
import type { Observer, PodReport } from '../ports/cluster.ts'
import type { Driver } from '../ports/driver.ts'
import type { Progress } from '../ports/session.ts'
import { settleAll, valuesOf } from '../settle.ts'
import { colors, type NamedSlot, sameTarget, type Target, targetOf } from '../slot.ts'
import type { EnvironmentState, Pointer, ServiceState } from '../state.ts'

export interface PreviewPorts extends TakeoverPorts {
  driver: Driver
  observer: Observer
  progress: Progress
}

const takeoverMs = 15_000
const pollMs = 40

/**
 * Points every preview Service to its slot of the combination, waits until only these slots consume the preview plane,
 * runs `test`, and points the moved Services back: they mark the slots for later switches.
 */
export async function withPreview<T>(
  ports: PreviewPorts & Locked,
  state: EnvironmentState,
  combination: readonly NamedSlot[],
  test: () => Promise<T>,
): Promise<T> {
  const moved: NamedSlot[] = []
  const back = { ...ports, signal: ports.lost }
  const pointAllBack = () =>
    settleAll(moved.map(({ name, slot }) => pointBack(back, state, name, slot)))
  let result: T
  try {
    await settleAll(
      combination.map(async (each) => {
        if (await pointPreview(ports, each.name, targetOf(each.slot))) moved.push(each)
      }),
    )
    await settleAll(combination.map((each) => awaitPreview(ports, state, each)))
    result = await test()
  } catch (error) {
    await pointAllBack().catch((backError) =>
      ports.progress.warn(`a preview Service was not pointed back: ${said(backError)}`),
    )
    throw error
  }
  await pointAllBack()
  return result
}

/** Whether the preview Service was moved. */
async function pointPreview(ports: PreviewPorts, name: string, to: Target): Promise<boolean> {
  const pointer = await ports.observer.pointer(name, 'preview')
  if (!pointer || sameTarget(pointer.target, to)) return false
  await point(ports, name, to, pointer)
  return true
}

async function point(
  { driver, signal }: PreviewPorts,
  service: string,
  to: Target,
  { resourceVersion }: Pointer,
): Promise<void> {
  const move = { service, which: 'preview' as const, to, resourceVersion, release: null }
  valuesOf(await driver.movePointers([move], 'smoke', signal))
}

async function pointBack(
  ports: PreviewPorts,
  state: EnvironmentState,
  name: string,
  from: Target,
): Promise<void> {
  const service = state.services[name]
  const before = service?.preview?.target
  if (!before || !hasSlot(service, before)) return
  const pointer = await ports.observer.pointer(name, 'preview')
  // Another command has moved it since.
  if (!pointer || !sameTarget(pointer.target, from)) return
  await point(ports, name, before, pointer)
}

function hasSlot(service: ServiceState, target: Target): boolean {
  return service.slots[target.color]?.revision === target.revision
}

/** Waits for the Service's endpoints and the consumers: before that, the test would reach another combination. */
async function awaitPreview(
  ports: PreviewPorts,
  state: EnvironmentState,
  { name, slot }: NamedSlot,
): Promise<void> {
  const { pods, clock, signal } = ports
  const from = clock.monotonic()
  const list = refreshed(() => pods.selected(name, targetOf(slot)), ports)
  const who = `${name} ${slot.color}`
  const options = { from, timeoutMs: takeoverMs, empty: false }
  if (!(await awaitOnly(ports, name, 'preview', list, options))) {
    throw failed({
      code: 'preview-not-there',
      message: `The Service ${name}-preview does not route only to ${who} after ${takeoverMs / 1000} s.`,
      hint: 'Run `shopctl status`. If the slot is ready, run `shopctl smoke` again.',
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
        hint: 'The same slots are live as before. Run `kubectl logs <pod>` for this pod, then `shopctl smoke` again.',
      })
    }
    await clock.sleep(pollMs, signal)
  }
}

/** null: only the pods of this slot consume the preview plane of the service. */
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
  const preview = report?.preview
  return preview
    ? `reports about its preview plane: ${preview.role}, ${preview.consumers} consumers`
    : 'gives no valid answer on its path `management.role`'
}
