// `npm run workflows`: runs the workflows of .github on this machine, in a copy of this repository, against the cluster
// of `shopctl platform`. Ends with `N passed, N failed`.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { installPackages } from '../../src/platform/debian.ts'
import { kubectlOk, root } from '../real/shop.ts'
import { actionlint, zizmor } from '../workflows/checkers.ts'
import { createAct } from './act.ts'
import { environments, makeCopy, namespaceOf, repository } from './copy.ts'
import { startGitHub } from './github.ts'
import { type Scenario, scenarios, type World } from './scenarios.ts'
import { standIns } from './stand-ins.ts'

const shell = createShell()
const tally = { passed: 0, failed: 0 }
const stopping = new AbortController()
// What it started ends with it, and what it made is deleted.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort())

async function check(title: string, run: () => Promise<unknown>): Promise<boolean> {
  if (stopping.signal.aborted) return false
  const started = Date.now()
  console.log(`\n== ${title}`)
  const problem = await run().then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  if (problem !== null) console.log(problem)
  tally[problem === null ? 'passed' : 'failed'] += 1
  const took = ((Date.now() - started) / 1000).toFixed(1)
  console.log(`${problem === null ? '✓' : '✗'} ${title} ${took} s`)
  return problem === null
}

async function startPlatform(): Promise<void> {
  const args = [join(root, 'cli/bin/shopctl.js'), 'platform', 'up']
  const { signal } = stopping
  await shell.check({ program: process.execPath, args, signal }, (line) => console.log(line))
  await installJq()
}

/** The stand-ins call it. */
async function installJq(): Promise<void> {
  if (!existsSync('/usr/bin/jq')) await installPackages(shell, ['jq'])
}

async function findNothing(run: typeof actionlint): Promise<void> {
  const { exitCode, stdout, stderr } = await run()
  if (exitCode !== 0) throw new Error(`${stdout}\n${stderr}`)
}

async function removeEnvironments(): Promise<void> {
  const names = environments.map(namespaceOf)
  await kubectlOk('delete', 'namespace', ...names, '--ignore-not-found', '--timeout=120s')
}

async function playAll(all: readonly Scenario[]): Promise<void> {
  const token = 'a-token-of-this-run'
  const scratch = await mkdtemp(join(tmpdir(), 'shopctl-workflows-'))
  const [copy, gitHub] = await Promise.all([makeCopy(), startGitHub(repository, token)])
  try {
    await removeEnvironments()
    const workflows = join(copy.dir, '.github/workflows')
    const act = await createAct({
      ...{ dir: copy.dir, scratch, api: gitHub.url, token, signal: stopping.signal },
      standIns: await standIns({ workflows, scratch }),
    })
    const world: World = { act, copy, gitHub, scratch }
    for (const { title, play } of all) await check(title, () => play(world))
  } finally {
    gitHub.stop()
    await removeEnvironments()
    await Promise.all([copy.remove(), rm(scratch, { recursive: true, force: true })])
  }
}

// First: it installs what the others need too.
const isUp = await check('shopctl platform up', startPlatform)
await check('actionlint', () => findNothing(actionlint))
await check('zizmor, as an auditor', () => findNothing(zizmor))
if (isUp) await playAll(scenarios)
console.log(`\n${tally.passed} passed, ${tally.failed} failed`)
process.exitCode = tally.failed === 0 && !stopping.signal.aborted ? 0 : 1
process.exit()
