// Faults for tests on the embedded platform, whose pods are processes of this machine: only pods of the test's own
// namespace are ever touched, each found by its uid.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { execInPod, kubectlOk, until } from './shop.ts'

interface PodObject {
  metadata: { name: string; uid: string; deletionTimestamp?: string }
  status: { phase: string; containerStatuses?: { ready: boolean; restartCount: number }[] }
}

interface Pod {
  name: string
  uid: string
  ready: boolean
  restarts: number
}

/** Without pods that have ended or are being deleted: they may have no process any more. */
async function podsOf(selector: string): Promise<Pod[]> {
  const list = await kubectlOk('get', 'pods', '--selector', selector, '--output=json')
  return (JSON.parse(list) as { items: PodObject[] }).items
    .filter(({ metadata, status }) => !metadata.deletionTimestamp && hasNotEnded(status.phase))
    .map(({ metadata, status }) => {
      const { ready = false, restartCount = 0 } = status.containerStatuses?.[0] ?? {}
      return { name: metadata.name, uid: metadata.uid, ready, restarts: restartCount }
    })
}

function hasNotEnded(phase: string): boolean {
  return phase !== 'Failed' && phase !== 'Succeeded'
}

export function slotSelector(service: string, color: string | null): string {
  return `app.kubernetes.io/name=${service},shopctl.dev/color=${color}`
}

/** Pids of a pod's containers, or of the process that holds its network namespace. */
async function processesOf(uid: string, which: 'containers' | 'sandbox'): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [cgroup, name] = await Promise.all(
        ['cgroup', 'comm'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
      )
      const isSandbox = name?.trim() === 'pause'
      const isWanted = isSandbox === (which === 'sandbox')
      return cgroup?.includes(`pod${uid}/`) && isWanted ? [Number(pid)] : []
    }),
  )
  return found.flat()
}

/** Waits until the pod has such a process: a container may just be starting again. */
async function awaitProcesses(uid: string, which: 'containers' | 'sandbox'): Promise<number[]> {
  let pids: number[] = []
  await until(`the pod ${uid} has processes (${which})`, async () => {
    pids = await processesOf(uid, which)
    return pids.length > 0
  })
  return pids
}

async function containersIn(pods: readonly Pod[], selector: string): Promise<number[]> {
  if (pods.length === 0) throw new Error(`no pods of ${selector}`)
  return (await Promise.all(pods.map(({ uid }) => awaitProcesses(uid, 'containers')))).flat()
}

/**
 * SIGKILL to everything in these pods. Resolves to a question: whether all of them have been started again since and
 * are ready. For a moment after the kill the API server still calls them ready.
 */
export async function killPods(selector: string): Promise<() => Promise<boolean>> {
  const pods = await podsOf(selector)
  for (const pid of await containersIn(pods, selector)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  return async () => {
    const now = new Map((await podsOf(selector)).map((pod) => [pod.name, pod]))
    return pods.every(({ name, restarts }) => {
      const pod = now.get(name)
      return pod?.ready && pod.restarts > restarts
    })
  }
}

/** The file that freezes a container, and what to write, for either version of cgroups. */
async function freezerOf(pid: number): Promise<{ file: string; on: string; off: string }> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, 'utf8')).split('\n')
  const v1 = lines.find((line) => line.split(':')[1] === 'freezer')
  if (v1) {
    const folder = join('/sys/fs/cgroup/freezer', v1.split(':')[2] ?? '')
    return { file: join(folder, 'freezer.state'), on: 'FROZEN', off: 'THAWED' }
  }
  const folder = join('/sys/fs/cgroup', lines[0]?.split(':')[2] ?? '')
  return { file: join(folder, 'cgroup.freeze'), on: '1', off: '0' }
}

/** Stops every process of these pods where it stands, unseen by itself, until the returned function is called. */
export async function freezePods(selector: string): Promise<() => Promise<void>> {
  const pids = await containersIn(await podsOf(selector), selector)
  const freezers = await Promise.all(pids.map(freezerOf))
  const unique = [...new Map(freezers.map((freezer) => [freezer.file, freezer])).values()]
  await Promise.all(unique.map(({ file, on }) => writeFile(file, on)))
  return async () => {
    await Promise.all(
      unique.map(({ file, off }) =>
        writeFile(file, off).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error // ended since
        }),
      ),
    )
  }
}

const shell = createShell()

/** Adds to a pod's own network namespace what these rules drop, until the returned function is called. */
async function dropIn(uid: string, rules: readonly string[][]): Promise<() => Promise<void>> {
  const change = async (pid: number, how: '--insert' | '--delete'): Promise<void> => {
    for (const [chain = '', ...match] of rules) {
      const inside = [`--target=${pid}`, '--net', 'iptables', '--wait', how, chain, ...match]
      await shell.check({ program: 'nsenter', args: [...inside, '--jump', 'DROP'] })
    }
  }
  const [sandbox = Number.NaN] = await awaitProcesses(uid, 'sandbox')
  await change(sandbox, '--insert')
  return async () => {
    // Without a sandbox the pod has ended, and its rules with it.
    for (const pid of await processesOf(uid, 'sandbox')) await change(pid, '--delete')
  }
}

/** Drops what these pods send to any Postgres, until the returned function is called. */
export function cutOffDatabase(selector: string): Promise<() => Promise<void>> {
  return cutOffPort(selector, '5432')
}

/** Drops what these pods send to the API server: they do not see that their Service changes. */
export function cutOffApi(selector: string): Promise<() => Promise<void>> {
  return cutOffPort(selector, '443')
}

async function cutOffPort(selector: string, port: string): Promise<() => Promise<void>> {
  const toPort = ['OUTPUT', '--protocol', 'tcp', '--dport', port]
  const pods = await podsOf(selector)
  const heals = await Promise.all(pods.map(({ uid }) => dropIn(uid, [toPort])))
  return async () => void (await Promise.all(heals.map((heal) => heal())))
}

/** Drops whatever a pod and these addresses send to each other, until the returned function is called. */
export function cutOffFrom(uid: string, addresses: string[]): Promise<() => Promise<void>> {
  return dropIn(
    uid,
    addresses.flatMap((address) => [
      ['INPUT', '--source', address],
      ['OUTPUT', '--destination', address],
    ]),
  )
}

/** A busy program in a pod of these, until it is aborted. */
export function burn(selector: string): AbortController {
  const end = new AbortController()
  const script = 'const end = Date.now() + 150_000; while (Date.now() < end);'
  execInPod(selector, ['node', '-e', script], end.signal).catch(() => {})
  return end
}
