// An environment may refuse images in which the scan of their registry found something.
import { type ScanConfig, severities } from '../../config/gates.ts'
import type { Config, EnvironmentConfig } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import type { Finding, Scan, Scans } from '../ports/images.ts'
import type { Clock, Progress } from '../ports/session.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type ImageOf, refuseAll } from './images.ts'

export interface ScanPorts {
  /** null: the registry has none. */
  scans: Scans | null
  clock: Clock
  progress: Progress
  signal: AbortSignal
}

export interface ScanInput {
  config: Config
  env: string
  environment: EnvironmentConfig
}

const pollMs = 3_000

/** Refused if what is allowed is no longer allowed. It is no mistake of the file before that day. */
export function requireValidAllowances(
  { clock }: Pick<ScanPorts, 'clock'>,
  { config, env, environment: { scan } }: ScanInput,
): void {
  const today = clock.now().toISOString().slice(0, 10)
  const at = scan?.allow.findIndex(({ expires }) => expires < today) ?? -1
  const late = scan?.allow[at]
  if (!late) return
  const place = config.where(['environments', env, 'scan', 'allow', at, 'expires'])
  throw refused({
    code: 'bad-config',
    message: `${place}: expected a day that is not over: ${late.id} was allowed until ${late.expires}`,
    hint: 'Remove the entry, or review the finding and set another day.',
  })
}

/** Refused unless the scan of each image is done and found nothing that the environment refuses. */
export async function requireScans(
  ports: ScanPorts,
  { config, environment: { scan } }: ScanInput,
  images: readonly ImageOf[],
): Promise<void> {
  const { scans, progress } = ports
  if (!scan || !scans || images.length === 0) return
  const seconds = config.timeouts.scan
  const found = await awaitScans({ ...ports, scans }, images, seconds * 1000)
  refuseAll(found.map(({ image, result }) => judgeScan(scan, image, result, seconds)))
  for (const { image, result } of found)
    for (const line of allowedLines(scan, image, result)) progress.note(line)
}

interface Scanned {
  image: ImageOf
  result: Scan
}

async function awaitScans(
  { scans, clock, progress, signal }: ScanPorts & { scans: Scans },
  images: readonly ImageOf[],
  mostMs: number,
): Promise<Scanned[]> {
  const read = (image: ImageOf): Promise<Scanned> =>
    scans.read(image.repository, image.digest).then((result) => ({ image, result }))
  const from = clock.monotonic()
  let found = await settleAll(images.map(read))
  const isPending = ({ result }: Scanned): boolean => result.state === 'pending'
  if (!found.some(isPending)) return found
  const names = found.filter(isPending).map(({ image }) => image.service)
  await progress.step(`wait for the scan of ${names.join(', ')}`, async () => {
    while (found.some(isPending) && clock.monotonic() - from < mostMs) {
      await clock.sleep(Math.min(pollMs, mostMs), signal)
      found = await settleAll(found.map((each) => (isPending(each) ? read(each.image) : each)))
    }
  })
  return found
}

/** Pure. */
export function judgeScan(
  rules: ScanConfig,
  { service, repository, digest }: ImageOf,
  result: Scan,
  seconds: number,
): Refusal | null {
  const name = `${service} (${digest.slice(0, 19)}…)`
  if (result.state === 'unavailable') {
    return refuse(
      'scan-unavailable',
      `${name} has no scan: ${result.why}.`,
      'shopctl cannot say whether this image is safe. Deploy another image, or remove `scan` from the environment.',
    )
  }
  if (result.state === 'pending') {
    return refuse(
      'scan-late',
      `${name} was not scanned within ${seconds} s: ${result.why}.`,
      `Turn on scanning on push for ${repository} in the settings of the registry, wait for the scan, or raise \`timeouts.scan\`.`,
    )
  }
  const allowed = new Set(rules.allow.map(({ id }) => id))
  const bad = result.findings
    .filter((finding) => isRefused(rules, finding) && !allowed.has(finding.id))
    .sort((one, other) => rankOf(other) - rankOf(one))
  if (bad.length === 0) return null
  const shown = bad.slice(0, mostShown).map(findingText)
  const more = bad.length > mostShown ? ` and ${bad.length - mostShown} more` : ''
  return refuse(
    'scan-findings',
    `${name} has ${bad.length} ${bad.length === 1 ? 'finding' : 'findings'} of severity ${rules.severity} or above: ${shown.join(', ')}${more}.`,
    'Build it with corrected packages (`shopctl build --no-cache`), or allow the finding with a reason and a last day in `scan.allow`.',
  )
}

const mostShown = 5

function isRefused({ severity }: ScanConfig, finding: Finding): boolean {
  return rankOf(finding) >= severities.indexOf(severity)
}

/** What nobody has rated yet counts as harmless: it is refused only where everything is. */
function rankOf({ severity }: Finding): number {
  const known: readonly string[] = severities
  return Math.max(0, known.indexOf(severity))
}

function findingText({ id, severity, where }: Finding): string {
  return `${id} (${[severity, where].filter(Boolean).join(', ')})`
}

function allowedLines(rules: ScanConfig, { service }: ImageOf, result: Scan): string[] {
  const findings = result.state === 'done' ? result.findings : []
  const ids = new Set(findings.filter((each) => isRefused(rules, each)).map(({ id }) => id))
  return rules.allow
    .filter(({ id }) => ids.has(id))
    .map(({ id, reason, expires }) => `${service}: ${id} is allowed until ${expires}: ${reason}`)
}
