// Brings the platform up: builds what is missing, starts what does not run, waits until it is ready.
import { mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Shell } from '../adapters/shell.ts'
import { failed } from '../errors.ts'
import type { Progress } from '../output/progress.ts'
import { asBuilder, createCgroups, killMembers } from './cgroups.ts'
import { createCluster } from './cluster.ts'
import type { Component, Machine } from './component.ts'
import { type Daemons, logOf } from './daemons.ts'
import { installPackages, missingPackages } from './debian.ts'
import { adjustMachine } from './earlier.ts'
import { makeImage, makePauseImage, missingImages } from './images.ts'
import { areRulesSet } from './iptables.ts'
import { pauseProgram } from './kubernetes.ts'
import type { Layout } from './layout.ts'
import { claimMachine, clearLeftovers } from './leftovers.ts'
import { removeFolder } from './mounts.ts'
import { setUpNetwork } from './network.ts'
import {
  allComponents,
  clusterGroups,
  controlGroups,
  engineGroups,
  type Items,
  isBuilt,
  machineOf,
} from './parts.ts'
import { createPki, dueCertificates, endsTrust } from './pki.ts'
import { type Job, sideBySide } from './side-by-side.ts'
import { type Item, isStored, store, storedAt } from './store.ts'

export interface Deps {
  shell: Shell
  progress: Progress
  now: () => number
  layout: Layout
  daemons: Daemons
}

const patienceMs = 60_000
const graceMs = 10_000

/** Whether every part is built, runs with its current definition, and is ready, and others are kept out. */
export async function isUp(deps: Deps, items: Items): Promise<boolean> {
  const { shell, layout, daemons, now } = deps
  if (!isBuilt(layout, items) || !(await areRulesSet(shell))) return false
  if ((await dueCertificates(layout.pki, now())).length > 0) return false
  const checks = allComponents(machineOf(layout, items)).map(
    async (component) => (await daemons.isCurrent(component)) && (await component.ready()),
  )
  return (await Promise.all(checks)).every(Boolean)
}

async function awaitReady({ daemons, layout, now }: Deps, component: Component): Promise<void> {
  const deadline = now() + patienceMs
  while (!(await component.ready())) {
    const alive = (await daemons.pidOf(component.name)) !== null
    if (alive && now() < deadline) {
      await sleep(50)
      continue
    }
    const log = await readFile(logOf(layout, component.name), 'utf8').catch(() => '')
    const last = log.trimEnd().split('\n').slice(-5).join('\n')
    const what = alive ? `was not ready after ${patienceMs / 1000} s` : 'ended at once'
    throw failed({
      code: 'component-not-ready',
      message: `${component.name} ${what}:\n${last}`,
      hint: `Run \`shopctl platform logs ${component.name}\` to see the whole log.`,
    })
  }
}

async function startGroups(
  deps: Deps,
  groups: readonly Component[][],
  say: (detail: string) => void,
): Promise<void> {
  for (const group of groups) {
    say(group.map(({ name }) => name).join(', '))
    for (const component of group) {
      if (await deps.daemons.isCurrent(component)) continue
      await deps.daemons.stop(component.name, graceMs)
      await deps.daemons.start(component)
    }
    await Promise.all(group.map((component) => awaitReady(deps, component)))
  }
}

/** Addresses, cgroups and folders. Can be repeated. */
async function prepareMachine({ shell, layout }: Deps): Promise<void> {
  const folders = [
    layout.home,
    layout.logs,
    layout.pids,
    layout.temporary,
    layout.run,
    join(layout.home, 'volumes'),
  ]
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o711 })
  await claimMachine(layout)
  await adjustMachine(layout)
  await setUpNetwork(shell)
  await createCgroups()
}

/** One after another: each takes all processors. */
export function goPrograms(
  layout: Layout,
  { kubernetes, added }: Pick<Items, 'kubernetes' | 'added'>,
): Record<string, Job> {
  let before: Promise<unknown> = Promise.resolve()
  const inTurn =
    (item: Item): Job =>
    (say) => {
      if (!isStored(layout, item)) say('waiting')
      before = before.then(() => store(layout, item, say))
      return before
    }
  const others = added.map((item) => [item.name, inTurn(item)])
  return { Kubernetes: inTurn(kubernetes), ...Object.fromEntries(others) }
}

// The engines come first: they make the base images while Go compiles.
async function build(deps: Deps, items: Items): Promise<void> {
  const { shell, layout, progress } = deps
  const machine = machineOf(layout, items)
  const images: Job = async (say) => {
    await store(layout, items.engines, say)
    await startGroups(deps, engineGroups(machine), say)
    const docker = join(machine.debian, 'usr/bin/docker')
    for (const image of missingImages(layout, items.images)) {
      say(`${image.repository.replace('library/', '')}:${image.tag}`)
      await makeImage({ shell, layout, docker }, image)
    }
  }
  await sideBySide(progress, 'Building programs and base images (once)', {
    ...goPrograms(layout, items),
    'helm and kubectl': (say) => store(layout, items.clients, say),
    images,
  })
}

/** Builds what is missing. The programs that it starts can be found if it is killed. */
export async function ensureBuilt(deps: Deps, items: Items): Promise<void> {
  if (!isBuilt(deps.layout, items)) await asBuilder(() => build(deps, items))
}

async function link(path: string, target: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { force: true })
  await symlink(target, path)
}

/** Fills the folder that `env` adds to the PATH, and the one where the docker client looks for buildx. */
async function linkPrograms(layout: Layout, items: Items): Promise<void> {
  const clients = storedAt(layout, items.clients)
  const { debian } = machineOf(layout, items)
  await link(join(layout.bin, 'helm'), join(clients, 'helm/helm'))
  await link(join(layout.bin, 'kubectl'), join(clients, 'kubectl/kubectl'))
  await link(join(layout.bin, 'docker'), join(debian, 'usr/bin/docker'))
  await link(
    join(layout.dockerConfig, 'cli-plugins/docker-buildx'),
    join(debian, 'usr/libexec/docker/cli-plugins/docker-buildx'),
  )
}

/** Ends the pods that containerd still has from an earlier run. A kubelet would take them for running. */
export function stopPods({ shell, layout }: Deps, machine: Machine): Promise<string> {
  return shell.check({
    program: machine.kubernetes,
    args: ['stop-pods', `--endpoint=unix://${layout.containerdSocket}`, '--grace=20s'],
  })
}

async function startCluster(deps: Deps, items: Items, afresh: boolean): Promise<void> {
  const { shell, layout, progress, now } = deps
  const machine = machineOf(layout, items)
  const cluster = createCluster({ shell, layout, now, kubectl: join(layout.bin, 'kubectl') })
  await progress.step('Starting Kubernetes', async (say) => {
    await startGroups(deps, engineGroups(machine), say)
    const docker = join(machine.debian, 'usr/bin/docker')
    await makePauseImage(
      { shell, layout, docker },
      pauseProgram(storedAt(layout, items.kubernetes)),
    )
    if (afresh) await stopPods(deps, machine)
    await createPki(shell, machine, now())
    const since = Math.floor(now() / 1000)
    await startGroups(deps, controlGroups(machine), say)
    await cluster.applyManifests()
    await startGroups(deps, clusterGroups(machine), say)
    if (!afresh) return
    say('waiting for the node')
    await cluster.awaitNode(since)
    say('waiting for pods of the earlier run')
    await cluster.awaitPods(since)
  })
}

/** Runs when `isUp` is false, after the preflight checks and under the lock. */
export async function bringUp(deps: Deps, items: Items): Promise<void> {
  const { shell, layout, progress, daemons, now } = deps
  const packages = missingPackages()
  if (packages.length > 0) {
    await progress.step(`Installing Debian packages: ${packages.join(', ')}`, () =>
      installPackages(shell, packages),
    )
  }
  // Without containerd, whatever still runs is left from a crash: start from nothing. So too when the pods that run would
  // not know the API server any more.
  const afresh =
    (await daemons.pidOf('containerd')) === null ||
    endsTrust(await dueCertificates(layout.pki, now()))
  if (afresh) await clearLeftovers(shell, layout)
  await killMembers('builders')
  await removeFolder(shell, layout.temporary)
  await prepareMachine(deps)
  await ensureBuilt(deps, items)
  await linkPrograms(layout, items)
  await startCluster(deps, items, afresh)
}
