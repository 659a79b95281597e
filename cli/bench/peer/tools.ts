// The programs that the bench runs on the platform of this machine.
import { join } from 'node:path'
import type { V1DeploymentList, V1Pod, V1PodList } from '@kubernetes/client-node'
import { createShell, type Shell } from '../../src/adapters/shell.ts'
import { platformEnv, root } from '../../test/real/shop.ts'
import { pause } from '../interruption.ts'

export interface Commands {
  shell: Shell
  env: Record<string, string>
  kubeconfig: string
  signal: AbortSignal
  /** In this namespace; must succeed. Resolves to stdout. `input` is for `--filename=-`. */
  kubectl(namespace: string, args: readonly string[], input?: unknown): Promise<string>
}

/** All programs end with the signal, unless they have one of their own. */
function interruptible({ run, check }: Shell, signal: AbortSignal): Shell {
  return {
    run: (command, onLine) => run({ signal, ...command }, onLine),
    check: (command, onLine) => check({ signal, ...command }, onLine),
  }
}

/** `signal` ends what runs. */
export async function createCommands(signal: AbortSignal): Promise<Commands> {
  const shell = interruptible(createShell(), signal)
  const env = await platformEnv()
  return {
    shell,
    env,
    kubeconfig: env.KUBECONFIG ?? '',
    signal,
    kubectl: (namespace, args, input) =>
      shell.check({
        program: 'kubectl',
        args: [`--namespace=${namespace}`, ...args],
        env,
        ...(input !== undefined && { input: JSON.stringify(input) }),
      }),
  }
}

export const launcher = join(root, 'cli/bin/shopctl.js')

/** Of each service, where this machine reaches its Service. */
export async function urlsOf(
  { kubectl }: Commands,
  namespace: string,
  services: readonly string[],
): Promise<string[]> {
  const address = '--output=jsonpath={.spec.clusterIP}'
  const addresses = services.map((name) => kubectl(namespace, ['get', 'service', name, address]))
  return (await Promise.all(addresses)).map((ip) => `http://${ip}`)
}

export async function listPods({ kubectl }: Commands, namespace: string): Promise<V1Pod[]> {
  return (JSON.parse(await kubectl(namespace, ['get', 'pods', '--output=json'])) as V1PodList).items
}

function isReady({ metadata, status }: V1Pod): boolean {
  const { conditions = [] } = status ?? {}
  const ready = conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True')
  return ready && metadata?.deletionTimestamp === undefined
}

/** Names of the ready pods that run one of these images. */
export async function podsWith(
  commands: Commands,
  namespace: string,
  images: ReadonlySet<string>,
): Promise<Set<string>> {
  const pods = (await listPods(commands, namespace)).filter(
    (pod) => isReady(pod) && images.has(pod.spec?.containers[0]?.image ?? ''),
  )
  return new Set(pods.map(({ metadata }) => metadata?.name ?? ''))
}

/** Waits until there are so many pods, and all of them are ready. Those that end still count. */
export async function settled(commands: Commands, namespace: string, count: number): Promise<void> {
  await until(commands.signal, `${count} ready pods in ${namespace}`, async () => {
    const pods = await listPods(commands, namespace)
    return pods.length === count && pods.every(isReady)
  })
}

export async function until(
  signal: AbortSignal,
  what: string,
  condition: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 180_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within 3 minutes: ${what}`)
    await pause(200, signal)
  }
}

export async function deploymentsOf(
  { kubectl }: Commands,
  namespace: string,
): Promise<V1DeploymentList['items']> {
  const text = await kubectl(namespace, ['get', 'deployments', '--output=json'])
  return (JSON.parse(text) as V1DeploymentList).items
}
