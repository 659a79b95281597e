// What Amazon ECR found in an image: by its basic scan, or by the enhanced one of Amazon Inspector.
import type {
  DescribeImageScanFindingsCommandOutput,
  EnhancedImageScanFinding,
  ImageScanFinding,
} from '@aws-sdk/client-ecr'
import type { Finding, Scan, Scans } from '../../../release/ports/images.ts'
import { type EcrClient, nameOf } from './client.ts'

type Page = DescribeImageScanFindingsCommandOutput

/** A basic scan is complete, an enhanced one goes on. */
const done = new Set(['COMPLETE', 'ACTIVE'])
const underWay = new Set(['IN_PROGRESS', 'PENDING'])

const unavailable: Readonly<Record<string, string>> = {
  UNSUPPORTED_IMAGE: 'Amazon ECR does not support images of this kind',
  FAILED: 'the scan of Amazon ECR failed',
  SCAN_ELIGIBILITY_EXPIRED: 'Amazon Inspector no longer scans an image of this age',
  FINDINGS_UNAVAILABLE: 'its findings are not available',
  LIMIT_EXCEEDED: 'Amazon ECR scans an image only so often',
  IMAGE_ARCHIVED: 'the image is archived',
}

export function createScans(ecr: EcrClient): Scans {
  return {
    async read(repository, imageDigest) {
      const repositoryName = nameOf(repository)
      const input = { registryId: ecr.account, repositoryName, imageId: { imageDigest } }
      const pages = await ecr.call(
        async (sdk, client, sending) => {
          const found: Page[] = []
          const all = sdk.paginateDescribeImageScanFindings({ client }, input, sending)
          for await (const page of all) found.push(page)
          return found
        },
        // Right after a push, its scan has not begun.
        ['ScanNotFoundException', 'ImageNotFoundException'],
      )
      return scanOf(pages ?? [])
    },
  }
}

function scanOf(pages: readonly Page[]): Scan {
  const { status, description } = pages[0]?.imageScanStatus ?? {}
  if (status === undefined) return { state: 'pending', why: 'Amazon ECR has no scan of it' }
  if (underWay.has(status)) return { state: 'pending', why: `its scan is ${status}` }
  if (!done.has(status)) {
    const why = unavailable[status] ?? `its scan is ${status}`
    return { state: 'unavailable', why: description ? `${why} (${sentence(description)})` : why }
  }
  const findings = pages.flatMap(({ imageScanFindings: found }) => [
    ...(found?.findings ?? []).map(basicFinding),
    ...(found?.enhancedFindings ?? []).flatMap((each) => enhancedFinding(each) ?? []),
  ])
  return { state: 'done', findings }
}

function sentence(description: string): string {
  return description.split('\n', 1)[0]?.replace(/\.$/, '') ?? ''
}

const notRated = 'UNDEFINED'

function basicFinding({
  name = 'unnamed',
  severity = notRated,
  attributes = [],
}: ImageScanFinding): Finding {
  const attribute = (wanted: string) => attributes.find(({ key }) => key === wanted)?.value
  const where = [attribute('package_name'), attribute('package_version')].filter(Boolean).join(' ')
  return { id: name, severity, where: where || null }
}

/** null: a rule of the team suppresses it in Amazon Inspector, or it is closed. */
function enhancedFinding(found: EnhancedImageScanFinding): Finding | null {
  const {
    status = 'ACTIVE',
    severity = notRated,
    title,
    packageVulnerabilityDetails: details,
  } = found
  if (status !== 'ACTIVE') return null
  const [first] = details?.vulnerablePackages ?? []
  const where = [first?.name, first?.version].filter(Boolean).join(' ')
  return {
    id: details?.vulnerabilityId ?? title ?? 'unnamed',
    severity,
    where: where || null,
  }
}
