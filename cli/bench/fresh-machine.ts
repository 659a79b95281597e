// What a release takes on a machine that has built nothing yet, as each run of CI: its Docker engine, its builder and its
// home folder are empty, and its registry is filled.
import { mkdirSync, mkdtempSync } from 'node:fs'
import { appendFile, cp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createShell } from '../src/adapters/shell.ts'
import { removeFolder } from '../src/platform/mounts.ts'
import {
  boxBuilder,
  buildBuildkit,
  type Engine,
  importBuildkit,
  startEngine,
} from '../test/apart/builders.ts'
import { freshEnvironment, platformEnv, root, type Tree } from '../test/real/shop.ts'
import type { Report } from './measure.ts'

const shell = createShell()
const registry = '127.0.0.1:5000'

export async function benchFreshMachine(tree: Tree, report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fresh-'))
  const engines: Engine[] = []
  const machine = async (name: string): Promise<Engine> => {
    const engine = await startMachine(join(folder, name))
    engines.push(engine)
    return engine
  }
  try {
    await addEnvironment(tree)
    await freshEnvironment()
    await timedRelease(tree, await machine('first'), join(folder, 'ada'))

    const second = await machine('second')
    const unchanged = await timedRelease(tree, second, join(folder, 'bob'))
    report('`release` with nothing changed, on an empty machine', unchanged, '≤ 15 s')
    await tree.edit(
      'services/order/routes.ts',
      "summary: 'Place an order'",
      "summary: 'Place an order, fresh'",
    )
    const changed = await timedRelease(tree, second, join(folder, 'bob'))
    report('… after one line changed in one service', changed, '≤ 30 s')
  } finally {
    for (const engine of engines) {
      await engine.docker('buildx', 'rm', 'boxed')
      await engine.stop()
    }
    await removeFolder(shell, folder)
  }
}

/** An engine and a builder that have nothing but the builder's own image. */
async function startMachine(folder: string): Promise<Engine> {
  const buildkit = await buildBuildkit()
  const engine = await startEngine(join(folder, 'engine'), {
    registry,
    containerd: false,
    init: buildkit.init,
  })
  const image = 'local/buildkit:1'
  await importBuildkit(engine, buildkit, { folder: join(folder, 'buildkit'), reference: image })
  await boxBuilder(engine, { image, registry, folder })
  await engine.docker('buildx', 'use', 'boxed')
  return engine
}

/** The environment `ci`: the one named `test`, with a registry whose tags are believed. */
async function addEnvironment(tree: Tree): Promise<void> {
  const file = join(tree.dir, 'shopctl.yaml')
  const env = await platformEnv()
  const args = ['config', 'current-context']
  const context = (await shell.check({ program: 'kubectl', args, env })).trim()
  const [, test = ''] = /^ {2}test:\n([\s\S]*)$/m.exec(await readFile(file, 'utf8')) ?? []
  const cluster = `cluster: { context: ${context}, registry: '${registry}/ci-${process.pid}', immutableTags: true }`
  // The mail sink, and the ports of the edge.
  const values = join(tree.dir, 'charts/values')
  await cp(join(values, 'test'), join(values, 'ci'), { recursive: true })
  await appendFile(file, `  ci:\n${test.replace('cluster: embedded', cluster)}`)
}

async function timedRelease(tree: Tree, engine: Engine, home: string): Promise<string> {
  mkdirSync(home, { recursive: true })
  const { KUBECONFIG = '', PATH: programs } = await platformEnv()
  const env = {
    ...engine.env,
    KUBECONFIG,
    PATH: `${engine.env.PATH}:${programs}`,
    HOME: home,
    XDG_CACHE_HOME: '',
  }
  const started = performance.now()
  const args = [join(root, 'cli/bin/shopctl.js'), 'release', '--env', 'ci']
  const output = await shell.run({ program: process.execPath, args, cwd: tree.dir, env })
  if (output.exitCode !== 0) throw new Error(output.stderr)
  const steps = output.stderr.split('\n').filter((line) => line.startsWith('✓'))
  console.log(steps.map((line) => `  ${line}`).join('\n'))
  return `${((performance.now() - started) / 1000).toFixed(2)} s`
}
