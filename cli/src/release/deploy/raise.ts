// Gives standby slots as many pods as the live slots have by now: these may have been scaled since the deploy.
import { raises } from '../capacity.ts'
import { chooseStandby } from '../move/plan-switch.ts'
import { observe } from '../observe.ts'
import { isRefusal } from '../refusal.ts'
import { settleAll, valuesOf } from '../settle.ts'
import { targetOf } from '../slot.ts'
import { type AwaitOptions, awaitReady } from './await-ready.ts'
import type { DeployPorts } from './deploy.ts'

/** An autoscaler may add pods to the live slot meanwhile; one that adds them for ever is left to the switch. */
const rounds = 5

export async function raiseStandby(
  ports: DeployPorts,
  input: AwaitOptions,
  services: readonly string[],
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    if (!(await raiseOnce(ports, input, services))) return
  }
}

/** Whether it had to. */
async function raiseOnce(
  ports: DeployPorts,
  input: AwaitOptions,
  services: readonly string[],
): Promise<boolean> {
  const state = await observe(ports)
  const found = chooseStandby(state, services)
  // The switch refuses for the same reason.
  if (isRefusal(found)) return false
  const scales = raises(state, found.slots)
  if (scales.length === 0) return false
  const raised = scales.map(({ service, replicas }) => `${service} to ${replicas} pods`)
  await ports.progress.step(`raise ${raised.join(', ')}`, async () => {
    valuesOf(await ports.driver.scaleSlots(scales))
    await settleAll(
      found.slots.map(({ name, slot }) => {
        const step = { service: name, color: slot.color, wanted: slot, preview: targetOf(slot) }
        return awaitReady(ports, step, input)
      }),
    )
  })
  return true
}
