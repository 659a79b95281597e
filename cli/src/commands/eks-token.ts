// shopctl eks-token
import type { EksTokenContext } from '../context/eks.ts'
import type { Result } from '../output/result.ts'

export async function eksTokenCommand({ credential }: EksTokenContext): Promise<Result> {
  const document = await credential()
  return {
    document,
    // Programs read it, so it is not folded.
    text: () => JSON.stringify(document),
    summary: 'A token for EKS.',
  }
}
