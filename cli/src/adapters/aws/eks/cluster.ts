// Asks EKS where a cluster's API server is.
import { refused } from '../../../errors.ts'
import type { AwsSession } from '../session.ts'

export interface EksAddress {
  /** URL of the API server. */
  server: string
  /** Certificate authority: PEM in base64. */
  ca: string
}

export interface EksDescription extends EksAddress {
  /** false: only from within its network. */
  isPublic: boolean
}

/** Refuses a cluster that is not there, or not yet, or not any more. */
export async function describeCluster(session: AwsSession, name: string): Promise<EksDescription> {
  const { region } = session
  const config = await session.clientConfig('eks')
  const doing = `describe the EKS cluster ${name} in ${region}`
  const cluster = await session.ask({ doing }, async (sending) => {
    const { DescribeClusterCommand, EKSClient } = await import('@aws-sdk/client-eks')
    const command = new DescribeClusterCommand({ name })
    return new EKSClient(config)
      .send(command, sending)
      .then((answer) => answer.cluster)
      .catch(async (error) => {
        const isUnknown = error instanceof Error && error.name === 'ResourceNotFoundException'
        throw isUnknown ? await unknown(session, name, error) : error
      })
  })
  const { status, endpoint, certificateAuthority, resourcesVpcConfig } = cluster ?? {}
  const ca = certificateAuthority?.data
  const problem = problemOf(status, name, region)
  if (problem) throw problem
  if (!endpoint || !ca) throw notReady(name, region, 'has no API server yet')
  return { server: endpoint, ca, isPublic: resourcesVpcConfig?.endpointPublicAccess !== false }
}

function problemOf(status: string | undefined, name: string, region: string): Error | null {
  if (status === 'CREATING' || status === 'PENDING') {
    return notReady(name, region, 'is being created')
  }
  if (status === 'DELETING') {
    return refused({
      code: 'cluster-ending',
      message: `The EKS cluster ${name} in ${region} is being deleted.`,
      hint: 'Name another cluster as `cluster.eks` of the environment in shopctl.yaml.',
    })
  }
  if (status !== 'FAILED') return null
  return refused({
    code: 'cluster-failed',
    message: `The EKS cluster ${name} in ${region} could not be created: its state is FAILED.`,
    hint: `\`aws eks describe-cluster --name ${name} --region ${region}\` says why.`,
  })
}

function notReady(name: string, region: string, how: string): Error {
  return refused({
    code: 'cluster-not-ready',
    message: `The EKS cluster ${name} in ${region} ${how}.`,
    hint: `Wait for it with \`aws eks wait cluster-active --name ${name} --region ${region}\`, then run the command again.`,
  })
}

async function unknown(session: AwsSession, name: string, cause: Error): Promise<Error> {
  const caller = await session.caller().catch(() => null)
  const where = caller?.account ? ` of the account ${caller.account} (you are ${caller.arn})` : ''
  return refused({
    code: 'unknown-cluster',
    message: `There is no EKS cluster ${name} in ${session.region}${where}.`,
    hint: `Check name, region and role of \`cluster.eks\` in shopctl.yaml, and AWS_PROFILE: \`aws eks list-clusters --region ${session.region}\` shows the clusters.`,
    cause,
  })
}
