// The shared release of a service: the ports of its Services, and whether the live pods tolerate a change. Pure.
import type { AccessRule, PodTemplate } from '../ports/cluster.ts'
import type { Manifest } from '../ports/driver.ts'
import { isRefusal, type Refusal, refuse } from '../refusal.ts'
import type { Color } from '../slot.ts'
import { requireSlot } from './charts.ts'
import { containersOf, list, nameOf, portsOf, targetPorts } from './manifests.ts'

/** A container port's name or number. */
export type Port = string | number

export interface Ports {
  stable: Port
  preview: Port
}

/** The target port: `port` of shopctl.yaml, otherwise the container port named `http`, otherwise the only one. */
export function findPorts(
  service: string,
  color: Color,
  manifests: readonly Manifest[],
  port: Port | null,
): Ports | Refusal {
  const deployment = requireSlot(service, color, manifests)
  if (isRefusal(deployment)) return deployment
  const offered = containersOf(deployment).flatMap(portsOf)
  const http = offered.find(({ name, number }) =>
    port === null ? name === 'http' : name === port || number === port,
  )
  const only = port === null && offered.length === 1 ? offered[0] : undefined
  const found = http ?? only
  if (!found) {
    const list = offered.map(({ name, number }) => (name ? `${name} (${number})` : `${number}`))
    const wrong = port === null ? '' : `, not ${port}`
    return refuse(
      'no-port',
      `The HTTP port of ${service} is not known: its pods have the ports ${list.join(', ') || '(none)'}${wrong}.`,
      `Name the port \`http\` in the chart, or set \`services.${service}.port\` in shopctl.yaml.`,
    )
  }
  const stable = found.name ?? found.number
  const preview = offered.find(({ name }) => name === 'preview')?.name
  return { stable, preview: preview ?? stable }
}

/** null: the live pods have the ports of the new Services and keep their rights. */
export function checkShared(
  service: string,
  shared: readonly Manifest[],
  live: PodTemplate,
  rules: readonly AccessRule[],
): Refusal | null {
  const hint = `Add the port to the pods first and leave the Services as they are: \`shopctl release --service ${service}\`.`
  for (const { name, target } of shared.flatMap(targetPorts)) {
    const offered = live.ports.some((port) => port.name === target || port.number === target)
    if (offered) continue
    const message = `The Service ${name} would route to the port ${target}, which the live pods of ${service} do not have.`
    return refuse('live-lacks-port', message, hint)
  }
  const accounts = shared.filter(({ kind }) => kind === 'ServiceAccount').map(nameOf)
  const roles = shared.filter(({ kind }) => kind === 'Role')
  const granted = new Set(roles.flatMap(rulesOf).flatMap(grants))
  const lost = rules.flatMap(grants).find((grant) => !granted.has(grant))
  if (lost !== undefined && accounts.includes(live.serviceAccount ?? '')) {
    const message = `The live pods of ${service} would lose the right to ${lost}.`
    return refuse(
      'live-lacks-right',
      message,
      'Keep it in the chart until no slot uses it any more, then run the command again.',
    )
  }
  return null
}

function rulesOf(role: Manifest): AccessRule[] {
  return list(role.rules) as AccessRule[]
}

/** One text for each right that a rule grants. */
function grants({ resources = [], resourceNames = [''], verbs }: AccessRule): string[] {
  return verbs.flatMap((verb) =>
    resources.flatMap((resource) =>
      resourceNames.map((name) => `${verb} ${resource} ${name}`.trim()),
    ),
  )
}
