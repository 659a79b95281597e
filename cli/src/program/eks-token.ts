// `eks-token`, hidden: helm calls it for a token, by the kubeconfig that shopctl gives to it. Needs no shopctl.yaml.
import type { Command } from 'commander'

interface Flags {
  cluster: string
  region: string
  role?: string | null
}

/** Helm has a limit of its own. */
const limit = { seconds: 30, setting: '' }

export function addEksToken(program: Command, signal: AbortSignal): void {
  program
    .command('eks-token', { hidden: true })
    .description('print credentials for an EKS cluster, as kubectl and helm read them')
    .requiredOption('--cluster <name>', 'name of the cluster')
    .requiredOption('--region <region>', 'region of the cluster')
    .option('--role <arn>', 'role to assume')
    .option('--verbose', 'print the stacks of errors')
    .action(async ({ cluster: name, region, role = null }: Flags) => {
      const { createEksTokenContext } = await import('../context/eks.ts')
      const { eksTokenCommand } = await import('../commands/eks-token.ts')
      const { show } = await import('../output/result.ts')
      const context = createEksTokenContext(
        { name, region, role },
        { limit, now: Date.now, signal },
      )
      show(await eksTokenCommand(context), {
        json: false,
        verbose: false,
        title: 'shopctl eks-token',
      })
    })
}
