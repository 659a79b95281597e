// Hooks as real processes, around a switch in memory.
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createPrograms } from '../../src/adapters/programs.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { aConfig, configText } from '../fakes/config.ts'
import { aLimit } from '../fakes/host.ts'
import { createShop, type Shop } from '../fakes/shop.ts'

let root = ''
let shop: Shop

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hooks-'))
  await mkdir(join(root, 'hooks'))
})

beforeEach(async () => {
  shop = createShop()
  await shop.deploy()
  await shop.smoke()
})

/** Switches with this script before it. */
async function switchAfter(script: string, seconds = 20): Promise<void> {
  const { world } = shop
  const file = 'hooks/pre-switch.mjs'
  await writeFile(join(root, file), script)
  world.source.contents[file] = 'hook'
  world.hookSettings.scripts = { 'pre-switch': file }
  const hook = { seconds, setting: '`timeouts.hook` of shopctl.yaml' }
  const limits = { run: aLimit, script: aLimit, hook }
  const real = createPrograms(createShell(), { root, limits })
  await shop.switch({}, { programs: { ...world.programs, hook: real.hook } })
}

function recordedOutput(): string | undefined {
  return shop.world.state.journal.closed.at(-1)?.hooks?.[0]?.output
}

/** A zombie has ended. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')
  return !/\) Z/.test(stat)
}

it('get the change in their environment, and the globals of zx', async () => {
  await switchAfter(`const { order } = JSON.parse(process.env.SHOPCTL_CHANGES)
    await $\`test $SHOPCTL_VERB = switch\`
    echo(process.env.SHOPCTL_HOOK, process.env.SHOPCTL_SERVICES, order.from, order.to.color)`)
  expect(recordedOutput()).toBe('pre-switch order,payment null blue')
})

it('are ended with their children when they take too long, and refuse', async () => {
  const pids = join(root, 'pids')
  // The child ignores SIGTERM, and keeps the output open.
  const child = "trap '' TERM; echo $$; while :; do sleep 1; done"
  const script = `import { spawn } from 'node:child_process'
    const child = spawn('sh', ['-c', ${JSON.stringify(child)}], { stdio: 'inherit' })
    fs.writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + child.pid)
    console.log('to amqp://order:s3cr3t@rabbitmq')`
  await expect(switchAfter(script, 2)).rejects.toMatchObject({
    ...{ exitCode: 2, code: 'hook-refused' },
    message: expect.stringMatching(
      /^The hook pre-switch .* within 2 s, the limit of `timeouts\.hook` of shopctl\.yaml.*\*\*\*@rabbitmq/s,
    ),
  })
  const [parent = '', inner = ''] = (await readFile(pids, 'utf8')).split(' ')
  await vi.waitFor(async () =>
    expect([await isAlive(parent), await isAlive(inner)]).toEqual([false, false]),
  )
  expect(shop.live('order')).toBeNull()
})

it('may print much: the last lines are kept, without secrets', async () => {
  await switchAfter(`for (let at = 0; at < 200_000; at++) console.log('line ' + at + ' ' + 'x'.repeat(60))
    console.error('::add-mask::hidden-value')
    console.log('to amqp://order:s3cr3t@rabbitmq with Authorization: Bearer abc.def-ghi')`)
  const output = recordedOutput() ?? ''
  expect(output.split('\n')).toHaveLength(20)
  expect(output.length).toBeLessThanOrEqual(2_000)
  expect(output).toMatch(
    /line 199999 x+\nto amqp:\/\/\*\*\*@rabbitmq with Authorization: Bearer \*\*\*$/,
  )
  expect(output).not.toMatch(/s3cr3t|abc\.def|hidden-value/)
})

it('refuse with their last lines, without the stack', async () => {
  const failing = switchAfter("throw new Error('frozen until Monday')")
  await expect(failing).rejects.toMatchObject({ exitCode: 2, code: 'hook-refused' })
  await expect(failing).rejects.toThrow(
    /^The hook pre-switch \(hooks\/pre-switch\.mjs\) ended with exit code 1:.*frozen until Monday/s,
  )
  await expect(failing).rejects.not.toThrow(/^\s+at /m)
})

/** The first block of this language in HOOKS.md. */
async function example(language: string): Promise<string> {
  const page = await readFile(join(import.meta.dirname, '../../HOOKS.md'), 'utf8')
  return new RegExp(`\\n\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] ?? ''
}

it('are as their page says: its settings, and its script', async () => {
  const settings = await example('yaml')
  const { hooks, timeouts } = parseConfig(`${configText}${settings}`, 'shopctl.yaml')
  expect(hooks['pre-switch']).toBe('scripts/check-calendar.mjs')
  expect(timeouts.hook).toBe(aConfig().timeouts.hook)
  await switchAfter(await example('js'))
  expect(recordedOutput()).toMatch(/^order: nothing → 1a2b3c4d\npayment: nothing → 1a2b3c4d$/)
})
