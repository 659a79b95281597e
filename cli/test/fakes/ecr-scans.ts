// Amazon ECR over HTTP, as far as scans go, with the answers that AWS documents: its fakes have none.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { listen } from './token-server.ts'

export interface StoredScan {
  status: string
  description?: string
  /** Of a basic scan. */
  findings?: { name: string; severity?: string; attributes?: { key: string; value: string }[] }[]
  /** Of Amazon Inspector. */
  enhancedFindings?: {
    status?: string
    severity?: string
    title?: string
    packageVulnerabilityDetails?: {
      vulnerabilityId: string
      vulnerablePackages?: { name: string; version?: string }[]
    }
  }[]
}

export interface FakeEcrScans {
  url: string
  /** By digest. null: the image is there, and its scan has not begun. */
  scans: Map<string, StoredScan | null>
  /** How many findings are in one answer. */
  pageSize: number
  /** What was asked, in order. */
  asked: { registryId?: string; repositoryName?: string; nextToken?: string }[]
  close(): void
}

class EcrError extends Error {}

export async function startEcrScans(repository: string): Promise<FakeEcrScans> {
  const fake: FakeEcrScans = {
    ...{ url: '', scans: new Map(), pageSize: 100, asked: [] },
    close: () => void server.close().closeAllConnections(),
  }
  const server = createServer(async (request, response) => {
    const isScan = String(request.headers['x-amz-target']).endsWith('.DescribeImageScanFindings')
    const input = JSON.parse(await text(request))
    fake.asked.push(input)
    const answer = isScan ? describe(fake, repository, input) : new EcrError('Unknown')
    const isError = answer instanceof EcrError
    response.writeHead(isError ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' })
    response.end(JSON.stringify(isError ? { __type: answer.message, message: 'no' } : answer))
  })
  fake.url = `http://${await listen(server)}`
  return fake
}

interface Input {
  repositoryName: string
  imageId: { imageDigest: string }
  nextToken?: string
}

function describe(
  { scans, pageSize }: FakeEcrScans,
  repository: string,
  { repositoryName, imageId: { imageDigest }, nextToken = '0' }: Input,
): object {
  if (repositoryName !== repository) return new EcrError('RepositoryNotFoundException')
  const scan = scans.get(imageDigest)
  if (scan === undefined) return new EcrError('ImageNotFoundException')
  if (scan === null) return new EcrError('ScanNotFoundException')
  const { status, description, findings = [], enhancedFindings = [] } = scan
  const from = Number(nextToken)
  const to = from + pageSize
  const isLast = to >= Math.max(findings.length, enhancedFindings.length)
  return {
    ...{ repositoryName, imageId: { imageDigest } },
    imageScanStatus: { status, description },
    imageScanFindings: {
      findings: findings.slice(from, to),
      enhancedFindings: enhancedFindings.slice(from, to),
    },
    ...(!isLast && { nextToken: String(to) }),
  }
}
