// The launcher and the command line, as a user meets them; nothing here needs a cluster.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { configText } from '../fakes/config.ts'

// Each starts a process of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 20_000 })

const root = join(import.meta.dirname, '..', '..', '..')
const shell = createShell()
function shopctlIn(cwd: string, args: string[]) {
  return shell.run({
    program: process.execPath,
    args: [join(root, 'cli/bin/shopctl.js'), ...args],
    cwd,
  })
}
function shopctl(...args: string[]) {
  return shopctlIn(root, args)
}

describe('bad input is exit 2, with what would have been right', () => {
  const cases: [string, string[], RegExp][] = [
    ['a command', ['depoy'], /'depoy'\n.*Did you mean deploy\?.*release/],
    ['help of no command', ['help', 'depoy'], /'depoy'\n.*Did you mean deploy\?.*release/],
    ['help of no subcommand', ['help', 'messages', 'lst'], /'lst'\n.*mean list\?.*replay/],
    ['help of no subcommand, asked there', ['messages', 'help', 'lst'], /'lst'\n.*mean list\?/],
    ['help of an unset variable', ['help', ''], /unknown command ''/],
    ['an option before its command', ['--yes', 'deploy'], /Put --yes after the command/],
    ['an option before its subcommand', ['messages', '--env=test', 'list'], /Put --env after/],
    ['an option of a hidden command', ['--role', 'x', 'status'], /'--role'\n *Commands: build/],
    ['no command', [], /No command.*\n.*Commands: build[^.]*, platform\.$/m],
    ['an option', ['deploy', '--colour', 'blue'], /'--colour'\n.*--color/],
    ['a colour', ['deploy', '--color', 'red'], /'red'.*blue, green/],
    ['a service', ['deploy', '--service', 'order,ordr'], /"ordr"[\s\S]*order, inventory/],
    ['a service that is nothing', ['deploy', '--service', ' ,'], /' ,'[\s\S]*Expected a name/],
    ['an environment', ['status', '--env', 'prod'], /"prod"[\s\S]*local, test/],
    ['a time', ['switch', '--timeout', 'soon'], /'soon'[\s\S]*seconds/],
    [
      'a time that no timer can wait',
      ['switch', '--timeout', '2147484'],
      /Expected at most 2147483/,
    ],
    ['a wait that is too long', ['audit', '--wait', '9999999'], /Expected at most 2147483/],
    ['no operations at all', ['history', '--limit', '0'], /'0'[\s\S]*above 0/],
    ['a service of history', ['history', '--service', 'ordr'], /"ordr"[\s\S]*order, inventory/],
    [
      'a verb of history',
      ['history', '--verb', 'switch,release'],
      /'switch,release'[\s\S]*rollback, cleanup, lock, unlock, hold-release, by-hand, not release/,
    ],
    [
      'an outcome of history',
      ['history', '--outcome', 'bad'],
      /'bad'[\s\S]*done, failed, undone, interrupted, open/,
    ],
    ['no verb of history', ['history', '--verb', ','], /Expected a name/],
    ['an operation of history', ['history', 'shw'], /too many arguments[\s\S]*Commands: show/],
    ['a service of the logs', ['logs', 'ordr'], /"ordr"[\s\S]*order, inventory/],
    ['a color of the logs', ['logs', '--color', 'pink'], /'pink'.*blue, green/],
    ['a time of the logs', ['logs', '--since', 'yesterday'], /'yesterday'[\s\S]*30s, 10m/],
    ['more lines than fit', ['logs', '--limit', '10001'], /Expected at most 10000/],
    ['no operation', ['history', 'show'], /argument 'id'/],
    ['the environment of history', ['history', '--env', 'prod', 'show', '7'], /"prod"/],
    ['the environment of what it shows', ['history', 'show', '7', '--env', 'prod'], /"prod"/],
    ['a command of the platform', ['platform', 'upp'], /'upp'[\s\S]*Did you mean up\?[\s\S]*down/],
    [
      'a part that there is not',
      ['platform', 'up', '--with', 'metrics'],
      /'metrics'.*observability/,
    ],
    ['a part to remove', ['platform', 'up', '--without', 'logs'], /'logs'.*observability/],
    ['no part', ['platform', 'up', '--with'], /'--with <part>' argument missing/],
    [
      'a part to add and to remove',
      ['platform', 'up', '--with', 'observability', '--without', 'observability'],
      /'--without <part>' cannot be used with option '--with <part>'/,
    ],
    ['lines of a log', ['platform', 'logs', '--tail', '-1'], /'-1'[\s\S]*whole number/],
    ['a skipped test without a reason', ['switch', '--skip-smoke'], /--skip-smoke needs --reason/],
    [
      'alerts that are not heeded without a reason',
      ['release', '--despite-alerts'],
      /--despite-alerts needs --reason/,
    ],
    [
      'a freeze that is not heeded without a reason',
      ['deploy', '--override-freeze'],
      /--override-freeze needs --reason/,
    ],
    ['a freeze before a rollback', ['rollback', '--override-freeze'], /'--override-freeze'/],
    ['a lock without a reason', ['lock'], /required option '--reason <text>'/],
    ['its end without a reason', ['unlock', '--env', 'test'], /required option '--reason <text>'/],
    [
      'the end of a hold without a reason',
      ['hold', 'release', 'sha256:0123456789ab'],
      /required option '--reason <text>'/,
    ],
    ['the end of no hold', ['hold', 'release', '--reason', 'a'], /argument 'digests'/],
    [
      'what is no digest',
      ['hold', 'release', 'sha256:0123', '--reason', 'a'],
      /Expected a digest, such as sha256:/,
    ],
    [
      'what is no digest, after one',
      ['hold', 'release', 'sha256:0123456789ab', 'order', '--reason', 'a'],
      /Expected a digest, such as sha256:/,
    ],
    ['what hold does not know', ['hold', 'list'], /too many arguments[\s\S]*Commands: release/],
    ['a lock of one service', ['lock', '--reason', 'a', '--service', 'order'], /'--service'/],
    [
      'a wait for the lock without an end',
      ['switch', '--lock-wait', 'long'],
      /'long'[\s\S]*30s, 10m/,
    ],
    ['a wait for no lock', ['audit', '--lock-wait', '10m'], /'--lock-wait'/],
    ['a time in the past', ['audit', '--wait', '-1'], /'-1'[\s\S]*seconds above 0/],
    ['a plane', ['audit', '--plane', 'test'], /'test'.*live, preview/],
    ['a merge of nothing', ['plan', '--from', 'main'], /Give both --from and --to/],
    ['a merge into nothing', ['plan', '--to', 'HEAD'], /Give both --from and --to/],
    [
      'a merge for one service',
      ['plan', '--from', 'main', '--to', 'HEAD', '--service', 'order'],
      /--service does not go with --from/,
    ],
    [
      'a merge to a color',
      ['plan', '--from', 'main', '--to', 'HEAD', '--color', 'blue'],
      /'--color <color>' cannot be used with option '--from <commit>'/,
    ],
    [
      'a merge of an environment without a config repo',
      ['plan', '--from', 'main', '--to', 'HEAD'],
      /local is released by helm/,
    ],
    ['one service of a whole', ['audit', '--service', 'order'], /'--service'/],
    ['no subcommand', ['messages'], /No command.*\n.*list, show, replay, discard\.$/m],
    ['a subcommand', ['messages', 'lst'], /'lst'\n.*list/],
    ['no id', ['messages', 'show'], /argument 'id'/],
    [
      'neither ids nor all',
      ['messages', 'replay'],
      /Give either ids or --all\.\n.*Run `shopctl messages list`/,
    ],
    ['ids and all', ['messages', 'discard', 'x', '--all'], /Give either ids or --all/],
    ['a service of messages', ['messages', 'list', '--service', 'ordr'], /"ordr"[\s\S]*order/],
    ['no cluster', ['eks-token', '--region', 'eu-central-1'], /'--cluster <name>'/],
    ['a word too many', ['status', 'order'], /too many arguments/],
  ]
  it.each(cases)('%s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await shopctl(...args)
    expect(stderr).toMatch(expected)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  })

  it('as one JSON document on request', async () => {
    const { exitCode, stdout } = await shopctl('status', '--env', 'prod', '--json')
    const error = {
      code: 'unknown-environment',
      message: expect.stringContaining('prod'),
      hint: expect.any(String),
    }
    expect(JSON.parse(stdout)).toEqual({ version: 1, error })
    expect(exitCode).toBe(2)
  })
})

it('keeps its exit code when its output is not read', async () => {
  const line = `{ sleep 0.2; "$0" "$@"; echo $? >&2; } | true`
  const command = [process.execPath, join(root, 'cli/bin/shopctl.js')]
  const exitCodeOf = async (...args: string[]): Promise<string | undefined> => {
    const { stderr } = await shell.run({
      program: 'bash',
      args: ['-c', line, ...command, ...args],
      cwd: root,
    })
    return stderr.trim().split('\n').at(-1)
  }
  expect(await exitCodeOf('status', '--env', 'prod', '--json')).toBe('2')
  expect(await exitCodeOf('--help')).toBe('0')
})

it('helps, with every command in 80 columns', async () => {
  const { exitCode, stdout } = await shopctl('--help')
  expect(exitCode).toBe(0)
  for (const verb of [
    'build',
    'push',
    'plan',
    'deploy',
    'smoke',
    'switch',
    'rollback',
    'resume',
    'cleanup',
    'status',
    'history',
    'logs',
    'audit',
    'messages',
    'release',
    'platform',
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'))
  }
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})

it.each([
  [
    ['help', 'messages', 'list'],
    ['messages', 'list', '--help'],
  ],
  [
    ['messages', 'help', 'show'],
    ['messages', 'show', '--help'],
  ],
  [
    ['help', 'history', 'show'],
    ['history', 'show', '--help'],
  ],
  [
    ['help', 'deploy', '--json'],
    ['deploy', '--help'],
  ],
  [
    ['help', 'messages', 'show', 'help'],
    ['messages', 'show', '--help'],
  ],
  [['help'], ['--help']],
  [
    ['platform', 'help'],
    ['platform', '--help'],
  ],
])('%j is the help of the command that it names', async (args, same) => {
  const asked = await shopctl(...args)
  expect(asked).toMatchObject({ exitCode: 0, stdout: (await shopctl(...same)).stdout })
})

it('prints its version', async () => {
  expect((await shopctl('--version')).stdout).toMatch(/^\d+\.\d+\.\d+$/)
})

describe('elsewhere', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elsewhere-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('without a shopctl.yaml reports where it looked', async () => {
    const { exitCode, stderr } = await shopctlIn(folder, ['status'])
    expect(stderr).toContain(`no shopctl.yaml in ${folder} or above`)
    expect(exitCode).toBe(2)
  })

  it('an audit without a script reports what to write', async () => {
    await writeFile(join(folder, 'shopctl.yaml'), configText)
    const { exitCode, stderr } = await shopctlIn(folder, ['audit'])
    expect(stderr).toMatch(/names no audit script[\s\S]*`audit:`/)
    expect(exitCode).toBe(2)
  })

  it.each([
    'deploy',
    'switch',
    'rollback',
    'resume',
    'release',
    'cleanup',
    'messages replay',
    'messages discard',
  ])('%s of a protected environment asks, or needs --yes without a terminal', async (verb) => {
    const text = configText.replace('namespace: shop', 'namespace: shop\n    protected: true')
    await writeFile(join(folder, 'shopctl.yaml'), text)
    const all = verb.startsWith('messages') ? ['--all'] : []
    const { exitCode, stderr } = await shopctlIn(folder, [...verb.split(' '), ...all])
    expect(stderr).toMatch(
      new RegExp(
        `local is protected, and \`${verb}\` was[\\s\\S]*add \`--yes\` to the same command`,
      ),
    )
    expect(exitCode).toBe(2)
  })
})
