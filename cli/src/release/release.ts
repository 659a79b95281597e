// release: build, push, deploy, smoke and switch, in this order. The last three hold the lock.
import { advised, afterChange, isInterrupted } from '../errors.ts'
import { type BuildPorts, type Built, build } from './build/build.ts'
import {
  type Deployed,
  type DeployInput,
  type DeployPorts,
  deployStandby,
  freezeOf,
} from './deploy/deploy.ts'
import { checkGates } from './deploy/gates.ts'
import { raiseStandby } from './deploy/raise.ts'
import { type Hooked, withHooks } from './hooks.ts'
import { type Locked, withLock } from './lock.ts'
import { type AlertIntent, refuseAlerts } from './move/alerts.ts'
import type { Moved } from './move/move.ts'
import { type SwitchPorts, switchStandby } from './move/switch.ts'
import { checkSmokeScripts } from './paths.ts'
import { type Pushed, type PushPorts, push } from './push/push.ts'
import { type SmokeInput, type SmokePorts, smokeStandby } from './smoke/smoke.ts'

type ReleasePorts = BuildPorts & PushPorts & DeployPorts & SmokePorts & SwitchPorts

export interface ReleaseInput extends DeployInput, AlertIntent, Pick<SmokeInput, 'namespaceName'> {
  skipSmoke: boolean
  /** How long a new slot may take to take over. */
  switchTimeoutMs: number
  /** false: the switch does without the probe. */
  probe: boolean
}

export interface Released {
  built: Built[]
  pushed: Pushed[]
  deployed: Deployed[]
  /** null: everything is live already. */
  moved: Moved | null
}

export async function release(ports: ReleasePorts, input: ReleaseInput): Promise<Released> {
  return withHooks(ports, 'release', (hooked) => releaseAll(hooked, input))
}

async function releaseAll(ports: ReleasePorts & Hooked, input: ReleaseInput): Promise<Released> {
  checkGates(ports, input)
  if (!input.skipSmoke) await checkSmokeScripts(ports.source, input.config, input.services)
  await refuseAlerts(ports, input)
  const built = await build(ports, input)
  const pushed = await push(ports, input)
  const uid = await ports.namespace.ensure()
  const reason = input.reason ?? `release of ${input.services.join(', ')}`
  const change = async (locked: ReleasePorts & Locked & Hooked): Promise<Released> => {
    const frozen = { ...input, freeze: freezeOf(locked, input) }
    const deployed = await deployStandby(locked, frozen, uid, 'shopctl release')
    // Here rather than at the end: it may prepare what the smoke test or the switch needs.
    await locked.hooks.after(locked.signal)
    const services = deployed
      .filter(({ action }) => action !== 'live')
      .map(({ service }) => service)
    if (services.length === 0) return { built, pushed, deployed, moved: null }
    try {
      const moved = await goLive(locked, input, services)
      return { built, pushed, deployed, moved }
    } catch (error) {
      if (isInterrupted(error)) throw advised(error, standsBy(deployed))
      throw deployed.some(({ action }) => action === 'upgrade') ? afterChange(error) : error
    }
  }
  return withLock(ports, reason, change, input)
}

function standsBy(deployed: readonly Deployed[]): string {
  const slots = deployed.filter(({ action }) => action !== 'live')
  const names = slots.map(({ service, color }) => `${service} ${color}`).join(', ')
  const services = slots.map(({ service }) => service).join()
  return `${names} is deployed and not live. \`shopctl release --service ${services}\` goes on, \`shopctl cleanup --service ${services}\` deletes it.`
}

/** `services` are those that are not live yet. */
async function goLive(
  ports: ReleasePorts & Locked & Hooked,
  input: ReleaseInput,
  services: readonly string[],
): Promise<Moved> {
  if (!input.skipSmoke) await smokeStandby(ports, { ...input, services })
  await raiseStandby(ports, input, services)
  const { switchTimeoutMs: timeoutMs, overrideFreeze = false, environment } = input
  const freeze = { freezes: environment.freezes, overrideFreeze }
  return switchStandby(ports, { ...input, ...freeze, services, color: null, timeoutMs })
}
