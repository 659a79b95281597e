// A job that is cancelled in the middle of its switch: as the runner of GitHub does it, and with the step of the workflow.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Operation } from '../../src/release/record.ts'
import { read } from '../workflows/files.ts'
import { cutOffApi, slotSelector } from './chaos.ts'
import {
  colors,
  copyTree,
  ensureLive,
  kubectlOk,
  other,
  root,
  type Status,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
  until,
} from './shop.ts'

const service = ['--service', 'payment']
let tree: Tree
let before: Status

beforeAll(async () => {
  await ensureLive()
  tree = await copyTree()
  before = await status()
  await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
  for (const verb of ['build', 'push', 'deploy', 'smoke'])
    await shopctlOk([verb, ...service], { cwd: tree.dir })
}, 600_000)
afterAll(() => tree?.remove())

/** The step of the workflow, as the runner starts it. */
function startJob() {
  const step = read('shopctl.yml').jobs.switch?.steps?.find(({ name }) => name === 'Switch')
  const variables = { SHOPCTL: `${root}/cli/bin/shopctl.js`, ENVIRONMENT: 'test' }
  const child = spawn('bash', ['-e', '-c', step?.run ?? ''], {
    cwd: root,
    env: { ...process.env, ...variables, GITHUB_ACTIONS: 'true' },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  return { child, stderr: () => stderr, ended: once(child, 'exit') }
}

/** SIGINT, after 7.5 s SIGTERM, and after 10 s SIGKILL, to the process that the runner has started, and to no other. */
async function cancel({ child, ended }: ReturnType<typeof startJob>): Promise<unknown[]> {
  const ending = new AbortController()
  const kill = async (signal: NodeJS.Signals, ms: number): Promise<void> => {
    await sleep(ms, undefined, { signal: ending.signal })
    child.kill(signal)
  }
  const killing = [kill('SIGINT', 0), kill('SIGTERM', 7_500), kill('SIGKILL', 10_000)]
  const [code] = await ended
  ending.abort()
  await Promise.allSettled(killing)
  return [code]
}

function selectedColor(): Promise<string> {
  const color = '--output=jsonpath={.spec.selector.shopctl\\.dev/color}'
  return kubectlOk('get', 'service', 'payment', color)
}

test('puts back what was live, and releases its lock', async () => {
  const old = before.services.payment?.active
  const fresh = other(old)
  // So that the new slot does not take over, and the switch is in its middle for long.
  const heal = await cutOffApi(slotSelector('payment', fresh))
  const job = startJob()
  try {
    await until('it has moved', async () => (await selectedColor()) === fresh)
    const started = Date.now()
    expect(await cancel(job), job.stderr()).toEqual([130])
    expect(Date.now() - started).toBeLessThan(7_500)
  } finally {
    // A switch that goes on would move the pods of the next tests.
    if (job.child.exitCode === null) {
      job.child.kill('SIGINT')
      await job.ended
    }
    await heal()
  }
  const after = await status()
  expect(colors(after)).toEqual(colors(before))
  expect([after.lock, after.operation]).toEqual([null, null])
  const { operations } = await shopctlJson<{ operations: Operation[] }>(['history'])
  const last = operations.toSorted((one, next) => one.number - next.number).at(-1)
  expect(last).toMatchObject({ verb: 'switch', outcome: 'undone' })
}, 180_000)

test('and the same job, started again, goes live', async () => {
  await until('the new slot is ready again', async () => {
    const slot = (await status()).services.payment?.slots[other(before.services.payment?.active)]
    return slot !== null && slot?.ready === slot?.replicas
  })
  const job = startJob()
  const [code] = await job.ended
  expect(code, job.stderr()).toBe(0)
  expect(colors(await status())).toEqual({
    ...colors(before),
    payment: other(before.services.payment?.active),
  })
}, 180_000)
