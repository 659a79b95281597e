// An AWS with a user, a role and a cluster, and a login to this cluster.
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { connectEks, type EksLogin, type EksOptions } from '../../../../src/adapters/aws/eks/eks.ts'
import { type FakeAws, startAws, type Trouble } from '../../../fakes/aws.ts'
import { forgetAws } from '../../../fakes/aws-user.ts'
import { noMask } from '../../../fakes/host.ts'

export const role = 'arn:aws:iam::222233334444:role/deployers/deploy'
export const ca = Buffer.from('PEM').toString('base64')
export const hour = 3_600_000

export interface AwsWorld {
  aws: FakeAws
  /** Of the user's configuration, and of what shopctl keeps. */
  folder: string
  connect(more?: Partial<EksOptions>): Promise<EksLogin>
  /** Each request of this action ends so. */
  always(action: string, trouble: Trouble): void
  stop(): Promise<void>
}

export async function startWorld(): Promise<AwsWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'eks-'))
  const aws = await startAws()
  aws.callers.set('AKIAUSER', { secret: 'sesame', arn: 'arn:aws:iam::111122223333:user/ann' })
  aws.roles.add(role)
  aws.clusters.set('eu-central-1/shop', { status: 'ACTIVE', endpoint: 'https://a.example', ca })
  forgetAws(folder)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAUSER')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'sesame')
  const options: EksOptions = {
    name: 'shop',
    region: 'eu-central-1',
    role: null,
    env: { AWS_ENDPOINT_URL: aws.url },
    agentOf: async () => new Agent({ keepAlive: true }),
    limit: { seconds: 5, setting: '`timeouts.request` of shopctl.yaml' },
    now: Date.now,
    mask: noMask,
  }
  return {
    aws,
    folder,
    connect: (more) => connectEks({ ...options, ...more }, folder),
    always(action, trouble) {
      for (let i = 0; i < 5; i += 1) aws.troubles.push({ action, trouble })
    },
    async stop() {
      vi.unstubAllEnvs()
      await aws.close()
      await rm(folder, { recursive: true })
    },
  }
}
