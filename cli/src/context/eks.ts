// The ports of an environment on EKS: its API server, and the kubeconfig that helm gets.
import { appendFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { connectEks, createTokens, type EksOptions } from '../adapters/aws/eks/eks.ts'
import { type EksName, execKubeconfig } from '../adapters/aws/eks/exec-kubeconfig.ts'
import { execCredential } from '../adapters/aws/eks/token.ts'
import type { Target } from '../adapters/kubernetes/kubeconfig.ts'
import { createScratch } from '../adapters/scratch.ts'
import type { Limit, Shell } from '../adapters/shell.ts'
import { createMask } from '../output/mask.ts'
import { workflowOf } from '../output/workflow.ts'
import type { Mask } from '../release/ports/session.ts'
import { agentOf } from './agents.ts'
import { cacheFolder } from './cache-folder.ts'

interface Session {
  /** Of one request to AWS. */
  limit: Limit
  /** Milliseconds since 1970. */
  now(): number
  mask: Mask
  signal?: AbortSignal
}

export interface EksAccess {
  target: Target
  /** Runs helm with a kubeconfig for this cluster, which is deleted afterwards. Masks the tokens that helm got. */
  shellOf(shell: Shell): Shell
}

function optionsOf(cluster: EksName, session: Session): EksOptions {
  return { ...cluster, ...session, env: process.env, agentOf }
}

export interface EksTokenContext {
  /** An ExecCredential. */
  credential(): Promise<object>
}

/**
 * The file to which `eks-token` writes its token when helm calls it in a workflow. On its stderr it would be output of
 * helm, which may be shown. Keys of AWS are not written: the file is left behind if shopctl is killed.
 */
const tokensVariable = 'SHOPCTL_TOKENS_FILE'

export function createEksTokenContext(
  cluster: EksName,
  session: Omit<Session, 'mask'>,
): EksTokenContext {
  const file = process.env[tokensVariable]
  const mask = file ? () => {} : createMask()
  const next = createTokens(optionsOf(cluster, { ...session, mask }))
  return {
    async credential() {
      const signed = await next()
      if (file) appendFileSync(file, `${signed.token}\n`, { mode: 0o600 })
      return execCredential(signed)
    },
  }
}

export async function createEksAccess(cluster: EksName, session: Session): Promise<EksAccess> {
  const login = await connectEks(optionsOf(cluster, session), join(cacheFolder(), 'eks'))
  const { server, ca } = login
  return {
    target: {
      context: null,
      cluster: { server, 'certificate-authority-data': ca },
      user: {},
      login,
    },
    shellOf: (shell) =>
      withKubeconfig(shell, execKubeconfig(login, cluster, ownProgram()), session.mask),
  }
}

/** From src/context and from dist/bundle alike. */
function ownProgram(): string[] {
  return [process.execPath, join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')]
}

function withKubeconfig(shell: Shell, kubeconfig: string, mask: Mask): Shell {
  const scratch = createScratch()
  const withFile = <T>(use: (env: Record<string, string>) => Promise<T>): Promise<T> =>
    scratch.folder(async ({ path, write }) => {
      const [file, tokens] = [join(path, 'kubeconfig'), join(path, 'tokens')]
      await write('kubeconfig', Readable.from([kubeconfig]))
      const isMasked = workflowOf(process.env) !== null
      try {
        return await use({ KUBECONFIG: file, ...(isMasked && { [tokensVariable]: tokens }) })
      } finally {
        // There is none where helm needed no token.
        mask(await readFile(tokens, 'utf8').catch(() => ''))
      }
    })
  return {
    run: (command, onLine) =>
      withFile((env) => shell.run({ ...command, env: { ...command.env, ...env } }, onLine)),
    check: (command, onLine) =>
      withFile((env) => shell.check({ ...command, env: { ...command.env, ...env } }, onLine)),
  }
}
