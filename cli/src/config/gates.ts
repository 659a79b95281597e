// What an environment asks of an image before it is deployed: its provenance, and what a scan found. Pure.
import { z } from 'zod'
import { path } from './path.ts'

const part = '[A-Za-z0-9_.-]+'
/** As GitHub writes it into the claim: `uses: …@main` becomes `refs/heads/main`. */
const ref = String.raw`refs/(heads|tags)/\S+|[0-9a-f]{40}`

export const provenanceSchema = z.strictObject({
  /** Where the source of the images is, on GitHub. */
  repository: z
    .string()
    .regex(new RegExp(`^${part}/${part}$`), 'expected a repository of GitHub: <owner>/<name>'),
  /** The workflow that signs, as the claim `job_workflow_ref` of GitHub names it. */
  workflow: z
    .string()
    .regex(
      new RegExp(String.raw`^${part}/${part}/\.github/workflows/[^/@\s]+\.ya?ml@(${ref})$`),
      'expected a workflow and its ref: <owner>/<name>/.github/workflows/<file>.yml@refs/heads/<branch>',
    ),
  /** File with the roots to trust, as `gh attestation trusted-root` writes it. Default: Sigstore's public instance. */
  trustedRoot: path.optional(),
})

/** From harmless to urgent, in the words of Amazon ECR. */
export const severities = ['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const
export type Severity = (typeof severities)[number]

const day = 'expected a day: <year>-<month>-<day>'

const allowedFinding = z.strictObject({
  /** `CVE-2026-1234` */
  id: z.string().regex(/^\S+$/, 'expected the id of a finding, such as CVE-2026-1234'),
  /** Why it does no harm here. */
  reason: z.string().regex(/\S/, 'expected the reason'),
  /** The last day on which it is allowed, in UTC. */
  expires: z.string(day).refine(isDay, day),
})

export const scanSchema = z.strictObject({
  /** Findings of this severity and above are refused. */
  severity: z.enum(severities, `expected one of ${severities.join(', ')}`),
  allow: z.array(allowedFinding).default([]),
})

export type ProvenanceConfig = z.infer<typeof provenanceSchema>
export type ScanConfig = z.infer<typeof scanSchema>

/** There is no 30 February. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}
