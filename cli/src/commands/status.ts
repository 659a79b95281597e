// shopctl status
import type { Context } from '../context.ts'
import { readStatus, type ServiceStatus, type SlotStatus, type Status } from '../inspect/status.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { bad, good, warning, wrapped } from '../output/text.ts'
import { freezeAt, freezeText } from '../release/freeze.ts'
import type { HeldImage } from '../release/hold/held.ts'
import { holderText } from '../release/lock.ts'
import type { ByHand } from '../release/ports/config-repo.ts'
import type { Alert } from '../release/ports/metrics.ts'
import type { LockHolder } from '../release/ports/session.ts'
import type { FreezeRecord } from '../release/record.ts'
import { colors, slotName } from '../release/slot.ts'
import { unreadyText } from '../release/unready.ts'

export async function statusCommand(context: Context): Promise<Result> {
  const status = await readStatus(await context.cluster(), context.env, context.chosen)
  for (const name of status.damaged)
    context.progress.warn(`the journal record ${name} cannot be read and was skipped`)
  const { damaged: _, ...rest } = status
  const freeze = freezeAt(context.environment.freezes, context.clock.now())
  const document = { ...rest, freeze }
  return {
    document: { version: 1, ...document },
    text: (width) => statusText(document, width, silentServices(context)),
    summary: Object.entries(status.services)
      .map(([name, { active }]) => `${name} ${active ?? 'not live'}`)
      .join(', '),
  }
}

/** The services whose pods do not report what they consume. */
function silentServices({ config }: Context): string[] {
  return Object.keys(config.services).filter((name) => !config.services[name]?.management?.role)
}

export function statusText(
  status: Omit<Status, 'damaged'> & { freeze?: FreezeRecord | null },
  width: number,
  silent: readonly string[] = [],
): string {
  const { env, operation, watch, lock, held, broker, alerts, argocd } = status
  const { services, problems, unlisted, freeze } = status
  const lines = [`${env}  ${releaseText(status)}`]
  if (operation) {
    const { verb, id, step, next, says } = operation
    lines.push(wrapped(`${verb} ${id} ${step}: ${next}`, width))
    for (const sentence of says) lines.push(wrapped(`  ${sentence}`, width))
  }
  if (watch) lines.push(wrapped(watchLine(watch), width))
  if (lock) lines.push(wrapped(lockLine(lock), width))
  if (held.length > 0) lines.push(wrapped(heldLine(held), width))
  if (freeze) lines.push(wrapped(`frozen ${freezeText(freeze)}`, width))
  for (const problem of broker?.problems ?? []) lines.push(wrapped(`broker: ${problem}`, width))
  for (const problem of argocd?.problems ?? []) lines.push(wrapped(`argocd: ${problem}`, width))
  for (const change of argocd?.byHand ?? []) lines.push(wrapped(changeLine(change), width))
  for (const alert of alerts ?? []) lines.push(wrapped(alertLine(alert), width))
  const rows = Object.entries(services).flatMap(([name, service]) =>
    slotRows(name, service, silent.includes(name)),
  )
  const logins = Object.entries(services).flatMap(([name, { slots }]) =>
    colors.flatMap((color) => loginLine(name, color, slots[color])),
  )
  const heading = ['SERVICE', 'SLOT', 'VERSION', 'REVISION', 'READY', 'SMOKE', 'CONSUME']
  const notes = [...problems.map(unreadyText), ...logins, ...unlistedLines(unlisted)]
  return [
    ...lines,
    '',
    table([heading, ...rows], width),
    ...measuredLines(services, width),
    ...notes.map((note) => wrapped(`${warning('!')} ${note}`, width)),
  ].join('\n')
}

function releaseText({ release, changedAfter }: Pick<Status, 'release' | 'changedAfter'>): string {
  if (changedAfter !== null) return `${changedAfter}, but changed since without shopctl`
  return release ?? 'no release yet'
}

function watchLine({ release, until, diedAt, breach, next }: NonNullable<Status['watch']>): string {
  if (breach !== null)
    return bad(`${release} is worse than before (${breach}), and still live: \`${next}\` goes back`)
  return diedAt === null
    ? `${release} is watched until ${until}`
    : bad(`the watch of ${release} died at ${diedAt}: \`${next}\` starts it again`)
}

function lockLine(lock: LockHolder): string {
  const how = lock.byHand ? 'locked by hand, by' : 'locked by'
  return `${how} ${holderText(lock)} since ${lock.since}: ${lock.reason}`
}

function heldLine(held: readonly HeldImage[]): string {
  const images = held.map(({ service, side }) => `${service} ${side.version}`).join(', ')
  return `on hold: ${images}. \`shopctl hold\` shows why`
}

function changeLine({ change, commit, author }: ByHand): string {
  return `by hand: ${change}, by ${author} in ${commit.slice(0, 12)}`
}

function alertLine({ name, severity, service, color, summary, command, since }: Alert): string {
  const paint = severity === 'critical' ? bad : warning
  const about = [service, color].filter((each) => each !== null).join(' ')
  const what = [about && `(${about})`, `since ${since.slice(0, 19)}Z:`, summary]
  const run = command ? [`\`${command}\``] : []
  return [paint(severity), name, ...what, ...run].filter((each) => each !== '').join(' ')
}

/** The columns would not fit into the table of the slots. */
function measuredLines(services: Status['services'], width: number): string[] {
  const rows = Object.entries(services).flatMap(([name, { active, slots }]) =>
    colors.flatMap((color) => {
      const { metrics } = slots[color] ?? {}
      const slot = color === active ? liveText(color) : idleText(color)
      return metrics ? [[name, slot, ...measured(metrics)]] : []
    }),
  )
  const heading = ['SERVICE', 'SLOT', 'REQUESTS', 'ERRORS', 'P99']
  return rows.length > 0 ? ['', table([heading, ...rows], width)] : []
}

function measured({
  requestsPerSecond,
  errorShare,
  p99Ms,
}: NonNullable<SlotStatus['metrics']>): string[] {
  const errors = errorShare === null ? '-' : `${(errorShare * 100).toFixed(1)} %`
  return [
    `${requestsPerSecond.toFixed(1)}/s`,
    errorShare ? bad(errors) : errors,
    p99Ms === null ? '-' : `${Math.round(p99Ms)} ms`,
  ]
}

function liveText(color: string): string {
  return good(`● ${color}`)
}

/** As wide as a live one. */
function idleText(color: string): string {
  return `  ${color}`
}

/** One line for each service. */
function unlistedLines(unlisted: Status['unlisted']): string[] {
  return [...new Set(unlisted.map(({ service }) => service))].map((service) => {
    const slots = unlisted.filter((each) => each.service === service)
    const found = slots.map(({ color, version }) => `${color} ${version}`).join(' and ')
    // The Services first: without them no slot is live, and the guard lets the slots go.
    const releases = [service, ...slots.map(({ color }) => slotName(service, color))].join(' ')
    return `${service} has ${found}, but is not in shopctl.yaml. \`helm uninstall ${releases}\` deletes it.`
  })
}

function loginLine(name: string, color: string, slot: SlotStatus | null): string[] {
  const { state = 'ok', problem = null } = slot?.login ?? {}
  return state === 'ok'
    ? []
    : [`${name} ${color} cannot log in, ${state}: ${problem ?? 'no reason'}`]
}

function slotRows(
  name: string,
  { active, epoch, slots }: ServiceStatus,
  isSilent: boolean,
): string[][] {
  const rows = colors.flatMap((color) => {
    const slot = slots[color]
    return slot ? [slotRow(color, slot, color === active ? { epoch } : null, isSilent)] : []
  })
  if (rows.length === 0) return [[name, '-', 'not deployed']]
  return rows.map((row, index) => [index === 0 ? name : '', ...row])
}

function smokeText({ smoked, smokeFailed }: SlotStatus): string {
  if (smoked) return 'passed'
  return smokeFailed ? bad('failed') : '-'
}

/** `live` null: the slot is not live. */
function slotRow(
  color: string,
  slot: SlotStatus,
  live: { epoch: number | null } | null,
  isSilent: boolean,
): string[] {
  const consumers = isSilent ? '-' : String(slot.consumers)
  return [
    live ? liveText(color) : idleText(color),
    slot.version,
    slot.revision,
    `${slot.ready}/${slot.replicas}`,
    smokeText(slot),
    // The epoch has no column of its own: it would not fit into 80 columns.
    live?.epoch ? `${consumers} epoch ${live.epoch}` : consumers,
  ]
}
