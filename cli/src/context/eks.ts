// The ports of an environment on EKS: its API server, and the kubeconfig that helm gets.
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { connectEks, createTokens, type EksOptions } from '../adapters/aws/eks/eks.ts'
import { type EksName, execKubeconfig } from '../adapters/aws/eks/exec-kubeconfig.ts'
import { execCredential } from '../adapters/aws/eks/token.ts'
import type { Target } from '../adapters/kubernetes/kubeconfig.ts'
import { createScratch } from '../adapters/scratch.ts'
import type { Limit, Shell } from '../adapters/shell.ts'
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
  /** Runs helm with a kubeconfig for this cluster, which is deleted afterwards. */
  shellOf(shell: Shell): Shell
}

function optionsOf(cluster: EksName, session: Session): EksOptions {
  return { ...cluster, ...session, env: process.env, agentOf }
}

export interface EksTokenContext {
  /** An ExecCredential. */
  credential(): Promise<object>
}

export function createEksTokenContext(cluster: EksName, session: Session): EksTokenContext {
  const token = createTokens(optionsOf(cluster, session))
  return { credential: async () => execCredential(await token()) }
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
    shellOf: (shell) => withKubeconfig(shell, execKubeconfig(login, cluster, ownProgram())),
  }
}

/** From src/context and from dist/bundle alike. */
function ownProgram(): string[] {
  return [process.execPath, join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')]
}

function withKubeconfig(shell: Shell, kubeconfig: string): Shell {
  const scratch = createScratch()
  const withFile = <T>(use: (env: { KUBECONFIG: string }) => Promise<T>): Promise<T> =>
    scratch.folder(async ({ path, write }) => {
      await write('kubeconfig', Readable.from([kubeconfig]))
      return use({ KUBECONFIG: join(path, 'kubeconfig') })
    })
  return {
    run: (command, onLine) =>
      withFile((env) => shell.run({ ...command, env: { ...command.env, ...env } }, onLine)),
    check: (command, onLine) =>
      withFile((env) => shell.check({ ...command, env: { ...command.env, ...env } }, onLine)),
  }
}
