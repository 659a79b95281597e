// `npm run bench -- --peer argo-rollouts`: shopctl, Argo Rollouts and the floor side by side, in one run on one cluster,
// with the same image and the same clients. Everything is in two namespaces, which it deletes at the end.
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { dirname, resolve } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { cacheFolder } from '../../src/context/cache-folder.ts'
import { refused } from '../../src/errors.ts'
import { createProgress } from '../../src/output/progress.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { platform } from '../../test/real/observability.ts'
import { root } from '../../test/real/shop.ts'
import { interruption } from '../interruption.ts'
import { floorTool } from './floor.ts'
import { type Means, measureMove, type Tool } from './move.ts'
import { type RolloutsPrograms, rolloutsPrograms, rolloutsVersion } from './programs.ts'
import { createRollouts, rolloutsNamespace, startController } from './rollouts.ts'
import { createShop, serviceNames, shopctlTool, shopNamespace } from './shopctl.ts'
import { durationText, rowsOf, type Sample, tableOf } from './table.ts'
import { type Commands, createCommands } from './tools.ts'

export interface PeerOptions {
  peer: string
  rounds: number
  /** A file for the figures, as JSON. */
  output: string
}

export const peerDefaults = { rounds: '5', output: 'dist/bench/argo-rollouts.json' }
const clients = 8
const moves = [serviceNames.slice(0, 1), serviceNames].flatMap((services) =>
  (['switch', 'rollback'] as const).map((verb) => ({ verb, services })),
)

/** Refuses what it cannot measure. */
export function peerOptions(values: { peer: string; rounds: string; output: string }): PeerOptions {
  const { peer, output } = values
  const rounds = Number(values.rounds)
  const hint = 'Run `npm run bench -- --peer argo-rollouts [--rounds 5] [--output FILE]`.'
  if (peer !== 'argo-rollouts')
    throw refused({ code: 'bad-peer', message: `There is no peer ${peer}.`, hint })
  if (!(Number.isInteger(rounds) && rounds > 0 && rounds <= 100))
    throw refused({ code: 'bad-rounds', message: '--rounds is a number from 1 to 100.', hint })
  return { peer, rounds, output: resolve(root, output) }
}

/** Nobody else's Rollouts must lose their definition at the end. */
async function checkFree({ kubectl }: Commands): Promise<void> {
  const names = '--output=jsonpath={.items[*].metadata.namespace}'
  const crd = ['get', 'crd', 'rollouts.argoproj.io', '--ignore-not-found', '--output=name']
  if ((await kubectl('default', crd)) === '') return
  const all = await kubectl('default', ['get', 'rollouts.argoproj.io', '--all-namespaces', names])
  const others = all.split(' ').filter((name) => name && name !== rolloutsNamespace)
  if (others.length === 0) return
  throw refused({
    code: 'rollouts-in-use',
    message: `This cluster has Rollouts already: in ${[...new Set(others)].join(', ')}.`,
    hint: 'Delete them, or measure on another machine.',
  })
}

/** Also what an earlier run left behind that was killed. */
async function clear({ kubectl }: Commands, { definitions }: RolloutsPrograms): Promise<void> {
  const gone = ['--ignore-not-found', '--timeout=180s']
  await kubectl('default', ['delete', 'namespace', shopNamespace, rolloutsNamespace, ...gone])
  const files = definitions.map((file) => `--filename=${file}`)
  await kubectl('default', ['delete', ...files, ...gone])
}

async function measureAll(
  tools: readonly Tool[],
  { rounds }: PeerOptions,
  means: Means,
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 1; round <= rounds; round++)
    for (const tool of tools)
      for (const move of moves) {
        means.signal.throwIfAborted()
        for (const each of tools) await each.settle()
        const sample = await measureMove(tool, move, means)
        samples.push(sample)
        console.log(`round ${round}: ${sampleText(sample)}`)
      }
  return samples
}

function sampleText({ tool, verb, services, switchedMs, lastOldMs }: Sample): string {
  const stayed = lastOldMs.filter((ms) => ms === null).length
  const last = Math.max(...lastOldMs.map((ms) => ms ?? 0))
  const end = stayed > 0 ? `${stayed} clients stayed` : `last old answer ${durationText(last)}`
  return `${tool}, ${verb} of ${services}: switched after ${durationText(switchedMs)}, ${end}`
}

/** Builds what is missing, measures, and takes everything away again. */
async function measure(
  commands: Commands,
  programs: RolloutsPrograms,
  options: PeerOptions,
): Promise<Sample[]> {
  const { kubectl, kubeconfig, signal } = commands
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const apply = ['apply', '--server-side', '--force-conflicts']
  const files = programs.definitions.map((file) => `--filename=${file}`)
  await kubectl('default', [...apply, ...files])
  const established = ['wait', '--for=condition=Established', '--timeout=60s', ...files]
  await kubectl('default', established)
  await kubectl('default', ['create', 'namespace', rolloutsNamespace])
  const shop = await createShop(commands)
  try {
    const controller = await startController(commands, programs)
    try {
      const rollouts = await createRollouts(commands, controller, programs, shop)
      const tools = [floorTool(commands, shop, config), shopctlTool(commands, shop), rollouts]
      return await measureAll(tools, options, { config, clients, signal })
    } finally {
      await controller.stop()
    }
  } finally {
    await shop.remove()
  }
}

export async function benchPeer(options: PeerOptions): Promise<void> {
  const { running } = JSON.parse(await platform('status', '--json')) as { running: boolean }
  if (!running)
    throw refused({
      code: 'platform-down',
      message: 'The platform is not running.',
      hint: 'Run `npx shopctl platform up`, then the same again.',
    })
  const signal = interruption()
  const commands = await createCommands(signal)
  const progress = createProgress(Date.now)
  const programs = await progress.step('Argo Rollouts (built once)', (say) =>
    rolloutsPrograms(commands.shell, layoutOf(cacheFolder()), say),
  )
  signal.throwIfAborted()
  await checkFree(commands)
  await clear(commands, programs)
  const load = loadavg()
  const startedAt = new Date()
  let samples: Sample[]
  try {
    samples = await measure(commands, programs, options)
  } finally {
    // An interruption must not stop this.
    await clear(await createCommands(new AbortController().signal), programs)
  }
  const rows = rowsOf(samples)
  const machine = { processors: cpus().length, loadBefore: load, loadAfter: loadavg() }
  const { rounds, output } = options
  const peer = { name: options.peer, version: rolloutsVersion }
  const document = { version: 1, startedAt, peer, machine, rounds, clients, rows, samples }
  await mkdir(dirname(output), { recursive: true })
  await writeFile(output, `${JSON.stringify(document, null, 2)}\n`)
  console.log(`\nLoad of the machine before: ${load.map((each) => each.toFixed(1)).join(', ')}`)
  console.log(`\n${tableOf(rows)}\n\nWritten to ${output}`)
}
