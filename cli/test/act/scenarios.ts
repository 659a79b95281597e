// A release and a rollback from GitHub Actions, and what stops a release. Each goes on where the one before ended.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Operation } from '../../src/release/record.ts'
import { other, type Status, shopctlJson } from '../real/shop.ts'
import type { Act, Event, Run } from './act.ts'
import { type Copy, onlyTest } from './copy.ts'
import type { GitHub } from './github.ts'
import { attestedFile } from './stand-ins.ts'

export interface World {
  act: Act
  copy: Copy
  gitHub: GitHub
  scratch: string
}

export interface Scenario {
  title: string
  play(world: World): Promise<void>
}

const toStaging: Event = {
  ...{ name: 'push', workflow: 'release.yml' },
  vars: { STAGING: 'staging' },
}
const everywhere: Event = {
  ...{ name: 'push', workflow: 'release.yml' },
  vars: { STAGING: 'staging', PRODUCTION: 'production' },
}

export const scenarios: readonly Scenario[] = [
  {
    title: 'a failing test stops the release before its first image',
    async play({ act, copy, gitHub }) {
      await copy.edit(onlyTest, 'toBe(1)', 'toBe(2)')
      await copy.commit()
      const run = await act(toStaging)
      await copy.edit(onlyTest, 'toBe(2)', 'toBe(1)')
      await copy.commit()
      failedAt(run, 'Test')
      assert.deepEqual(releasing(run), [])
      assert.deepEqual(gitHub.deployments, [])
    },
  },
  {
    title: 'a red quality gate stops the release before its first image',
    async play({ act, copy, gitHub }) {
      // There is no server of a team here. This is how the command ends when one says no.
      const [gate, red] = ['node cli/bin/setup.mjs cli/quality/', 'exit 1 # cli/quality/']
      await copy.edit('package.json', gate, red)
      await copy.commit()
      const run = await act(toStaging)
      await copy.edit('package.json', red, gate)
      await copy.commit()
      failedAt(run, 'Quality gate')
      assert.deepEqual(releasing(run), [])
      assert.deepEqual(gitHub.deployments, [])
    },
  },
  {
    title: 'a release goes from build to switch, in two environments, with the same images',
    async play({ act, copy, gitHub, scratch }) {
      const run = await act(everywhere)
      succeeded(run)
      assert.deepEqual(releasing(run), [
        ...['Staging: Build and push', 'Staging: Attest'],
        ...['Staging: Deploy and smoke test', 'Staging: Switch'],
        ...['Production: Deploy and smoke test', 'Production: Switch'],
      ])
      const digests = liveDigests(await statusOf(copy, 'staging'))
      assert.deepEqual(liveDigests(await statusOf(copy, 'production')), digests)
      assert.deepEqual(await attested(scratch), Object.values(digests).sort())
      assert.deepEqual(gitHub.deployments.map(told), [
        'staging: in_progress, success',
        'production: in_progress, success',
      ])
    },
  },
  {
    title: 'the same run, started again, tests and switches nothing',
    async play({ act, copy }) {
      const before = await statusOf(copy, 'staging')
      const run = await act(toStaging)
      succeeded(run)
      assert.deepEqual(releasing(run), [
        ...['Staging: Build and push', 'Staging: Attest', 'Staging: Deploy and smoke test'],
      ])
      assert.deepEqual(await statusOf(copy, 'staging'), before)
    },
  },
  {
    title: 'a failing smoke test stops the release before its switch',
    async play({ act, copy }) {
      const before = colorsOf(await statusOf(copy, 'staging'))
      await copy.append('services/notification/main.ts', `\n// ${Date.now()}\n`)
      await copy.append('services/shop/smoke.ts', `\nthrow new Error('the smoke test fails')\n`)
      await copy.commit()
      const run = await act(toStaging)
      await copy.edit('services/shop/smoke.ts', /\nthrow new Error.*\n$/, '')
      await copy.commit()
      failedAt(run, 'Smoke test')
      assert.match(run.output, /the smoke test fails/)
      assert.equal(releasing(run).at(-1), 'Staging: Deploy and smoke test')
      assert.deepEqual(colorsOf(await statusOf(copy, 'staging')), before)
    },
  },
  {
    title: 'its fix goes live, in the one service that was changed',
    async play({ act, copy }) {
      const before = colorsOf(await statusOf(copy, 'staging'))
      succeeded(await act(toStaging))
      const after = colorsOf(await statusOf(copy, 'staging'))
      assert.deepEqual(after, { ...before, notification: other(before.notification) })
    },
  },
  {
    title: 'a rollback by hand goes back, and keeps its reason',
    async play({ act, copy, gitHub }) {
      const before = colorsOf(await statusOf(copy, 'staging'))
      const reason = `it's "burning" $HOME; \`false\``
      const inputs = { environment: 'staging', reason, release: '' }
      succeeded(await act({ name: 'workflow_dispatch', workflow: 'rollback.yml', inputs }))
      const after = colorsOf(await statusOf(copy, 'staging'))
      assert.deepEqual(after, { ...before, notification: other(before.notification) })
      const { verb, reason: kept, by, run } = await lastOperation(copy, 'staging')
      assert.deepEqual([verb, kept, by], ['rollback', reason, 'octocat@github.com'])
      assert.match(run ?? '', /^https:\/\/github\.com\/acme\/shop\/actions\/runs\/\d+$/)
      assert.equal(told(gitHub.deployments.at(-1)), 'staging: in_progress, success, failure')
    },
  },
]

function succeeded({ exitCode, failed, jobs, output }: Run): void {
  const isGood = exitCode === 0 && Object.values(jobs).every((result) => result === 'success')
  assert.ok(isGood, `failed: ${failed.join(', ') || exitCode}\n${output.slice(-4_000)}`)
}

/** In this step, and in no other. */
function failedAt({ exitCode, failed, output }: Run, step: string): void {
  const steps = failed.map((each) => each.split(': ').at(-1))
  assert.deepEqual(steps, [step], output.slice(-4_000))
  assert.notEqual(exitCode, 0)
}

/** The jobs that ran after the checks: `Staging: Switch`. The one that signs runs once for each image. */
function releasing({ jobs }: Run): string[] {
  const names = Object.keys(jobs).filter((job) => !job.startsWith('Checks/'))
  return [...new Set(names.map((job) => job.replace('/shopctl/', ': ').replace(/-\d+$/, '')))]
}

function statusOf({ dir }: Copy, environment: string): Promise<Status> {
  return shopctlJson<Status>(['status', '--env', environment], { cwd: dir })
}

function colorsOf({ services }: Status): Record<string, string | null> {
  return Object.fromEntries(Object.entries(services).map(([name, { active }]) => [name, active]))
}

function liveDigests({ services }: Status): Record<string, string> {
  const live = Object.entries(services).map(([name, { active, slots }]) => {
    assert.ok(active, `${name} is not live`)
    return [name, slots[active]?.digest ?? '']
  })
  return Object.fromEntries(live)
}

/** The digests of the subjects. */
async function attested(scratch: string): Promise<string[]> {
  const lines = (await readFile(attestedFile(scratch), 'utf8')).trim().split('\n')
  return lines.map((line) => line.split(' ')[1] ?? '').sort()
}

function told(deployment: GitHub['deployments'][number] | undefined): string {
  return `${deployment?.environment}: ${deployment?.states.join(', ')}`
}

async function lastOperation({ dir }: Copy, environment: string): Promise<Operation> {
  const args = ['history', '--env', environment]
  const { operations } = await shopctlJson<{ operations: Operation[] }>(args, { cwd: dir })
  const last = operations.toSorted((one, next) => one.number - next.number).at(-1)
  assert.ok(last)
  return last
}
