// The workflows of GitHub Actions, read as data: what GitHub enforces only when they run.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createProgram } from '../../src/program/program.ts'
import type { Runner } from '../../src/program/runner.ts'
import {
  files,
  forConfigRepo,
  jobs,
  offered,
  ours,
  read,
  root,
  steps,
  textOf,
  type Workflow,
} from './files.ts'

/** The tags of these actions were looked up in their repositories, and are these commits. */
const pins: Record<string, string> = {
  'Azure/setup-helm': '9bc31f4ebc9c6b171d7bfbaa5d006ae7abdb4310 # v5.0.1',
  'actions/attest': '1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2',
  'actions/checkout': '3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1',
  'actions/create-github-app-token': '1b10c78c7865c340bc4f6099eb2f838309f1e8c3 # v3.1.1',
  'actions/setup-node': '820762786026740c76f36085b0efc47a31fe5020 # v7.0.0',
  'aws-actions/configure-aws-credentials': 'e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3',
  'docker/setup-buildx-action': '37fe631027851001ddb9b187196cc803df7f5f0e # v4.3.0',
}

const appToken = 'actions/create-github-app-token@'

it('are these files', () => {
  expect(files).toEqual(['ci.yml', 'release.yml', 'rollback.yml', 'shopctl.yml'])
})

it('start when they should', () => {
  expect(Object.fromEntries(files.map((file) => [file, Object.keys(read(file).on)]))).toEqual({
    ...{ 'ci.yml': ['pull_request', 'workflow_call'], 'release.yml': ['push'] },
    ...{ 'rollback.yml': ['workflow_dispatch'], 'shopctl.yml': ['workflow_call'] },
  })
  expect(read('release.yml').on.push).toEqual({ branches: ['main'] })
  expect(read('rollback.yml').on.workflow_dispatch).toMatchObject({
    inputs: { reason: { required: true }, environment: { required: true } },
  })
})

describe('actions', () => {
  it('are pinned by commit, with the version beside it', () => {
    const all = [ours, offered].flatMap((folder) => files.map((file) => [folder, file] as const))
    for (const [folder, file] of [...all, [forConfigRepo, 'plan.yml'] as const]) {
      const used = [...textOf(folder, file).matchAll(/uses: (?!\.\/)(\S+?)@(.*)/g)]
      for (const [, action = '', pin] of used) expect(pins[action], action).toBe(pin)
    }
  })

  it('of the repository itself are no others', () => {
    const local = jobs.flatMap(([, { uses }]) => uses ?? [])
    const called = ['ci.yml', 'shopctl.yml'].map((file) => `./.github/workflows/${file}`)
    expect(new Set(local)).toEqual(new Set(called))
  })

  it('leave no token of GitHub in the checkout', () => {
    const checkouts = steps.filter(([, { uses }]) => uses?.startsWith('actions/checkout@'))
    expect(checkouts).toHaveLength(6)
    for (const [name, step] of checkouts)
      expect(step.with?.['persist-credentials'], name).toBe(false)
  })

  it('log in to AWS without a key', () => {
    const logins = steps.filter(([, { uses }]) => uses?.startsWith('aws-actions/'))
    expect(logins).toHaveLength(5)
    for (const [name, step] of logins)
      expect(Object.keys(step.with ?? {}), name).toEqual([
        ...['aws-region', 'role-to-assume', 'role-session-name'],
      ])
  })
})

describe('permissions', () => {
  it.each(files)('%s has none of its own', (file) => {
    expect(read(file).permissions).toEqual({})
  })

  it('are granted per job', () => {
    const login = { contents: 'read', 'id-token': 'write' }
    const all = { ...login, attestations: 'write', deployments: 'write' }
    expect(Object.fromEntries(jobs.map(([name, { permissions }]) => [name, permissions]))).toEqual({
      'ci.yml check': { contents: 'read' },
      'ci.yml test': { contents: 'read' },
      'release.yml checks': { contents: 'read' },
      ...{ 'release.yml staging': all, 'release.yml production': all },
      'rollback.yml rollback': { ...login, deployments: 'write' },
      'shopctl.yml images': login,
      'shopctl.yml attest': { 'id-token': 'write', attestations: 'write' },
      'shopctl.yml deploy': login,
      'shopctl.yml switch': { ...login, deployments: 'write' },
    })
  })

  it('include no secret but the webhook and the key of the config repo, which no pull request gets, and the token of the quality gate', () => {
    for (const file of files) {
      const secrets = [...textOf(ours, file).matchAll(/secrets\.(\w+)/g)].map(([, name]) => name)
      const expected = file === 'ci.yml' ? ['SONAR_TOKEN'] : ['SLACK_WEBHOOK', 'CONFIG_REPO_KEY']
      expect(new Set(secrets)).toEqual(new Set(expected))
      expect(textOf(ours, file)).not.toMatch(/secrets: inherit|pull_request_target/)
    }
  })
})

describe('concurrency', () => {
  it('of a release is that of its whole run: it cancels no switch and drops no release', () => {
    expect(read('release.yml').concurrency).toEqual({ group: 'release', queue: 'max' })
  })

  it('of a rollback is another one: it waits for no approval', () => {
    const { concurrency } = read('rollback.yml')
    expect(concurrency).toEqual({ group: `rollback-\${{ inputs.environment }}`, queue: 'max' })
  })

  it('of a pull request ends what is out of date', () => {
    const { concurrency } = read('ci.yml')
    expect(concurrency).toMatchObject({ 'cancel-in-progress': true })
    expect(concurrency).not.toHaveProperty('queue')
  })

  it('is never that of a job', () => {
    expect(read('shopctl.yml').concurrency).toBeUndefined()
    for (const [name, job] of jobs) expect(job.concurrency, name).toBeUndefined()
  })
})

it('every job has a time limit', () => {
  for (const [name, job] of jobs) {
    if (job.uses) continue
    expect(job['timeout-minutes'], name).toBeGreaterThan(0)
    expect(job['timeout-minutes'], name).toBeLessThanOrEqual(120)
    expect(job['runs-on'], name).toBe('ubuntu-24.04')
  }
})

it('the switch has time for its watch, which may take 30 minutes', () => {
  expect(read('shopctl.yml').jobs.switch?.['timeout-minutes']).toBeGreaterThanOrEqual(45)
})

it('only the quality gate of pull requests gets the token of SonarQube', () => {
  const given = steps.filter(([, { env }]) => env?.SONAR_TOKEN !== undefined)
  expect(given.map(([name]) => name)).toEqual(['ci.yml test: Quality gate'])
  expect(given[0]?.[1].run).toBe('exec npm run quality -- --team')
})

it('every step that runs shopctl tells Slack when it fails', () => {
  for (const [name, { run, env }] of steps) {
    const webhook = run?.includes('"$SHOPCTL" ') ? `\${{ secrets.SLACK_WEBHOOK }}` : undefined
    expect(env?.SHOPCTL_SLACK_WEBHOOK, name).toBe(webhook)
  }
})

it('only what needs the token of GitHub gets it', () => {
  const given = steps.filter(([, { env }]) => env?.GITHUB_TOKEN !== undefined)
  expect(given.map(([name]) => name)).toEqual([
    ...['rollback.yml rollback: Roll back', 'shopctl.yml switch: Switch'],
  ])
})

it('no secret is given to a whole job or to an action: the scripts of packages would get it too', () => {
  const others = steps.filter(([, { uses }]) => !uses?.startsWith(appToken))
  const given = [
    ...files.map((file) => [file, read(file).env] as const),
    ...jobs.map(([name, { env }]) => [name, env] as const),
    ...others.map(([name, step]) => [name, step.uses ? [step.with, step.env] : null] as const),
  ]
  for (const [name, values] of given)
    expect(JSON.stringify(values ?? {}), name).not.toMatch(/secrets\.|github\.token/)
})

describe('the config repo', () => {
  const logins = steps.filter(([, { uses }]) => uses?.startsWith(appToken))

  it('gets a token of its own, which may write to it and nothing else', () => {
    expect(logins.map(([name, { if: when }]) => [name, when])).toEqual([
      ['rollback.yml rollback: Log in to the config repo', `\${{ vars.CONFIG_REPO_APP != '' }}`],
      ['shopctl.yml deploy: Log in to the config repo', `\${{ inputs.driver == 'gitops' }}`],
      ['shopctl.yml switch: Log in to the config repo', `\${{ inputs.driver == 'gitops' }}`],
    ])
    for (const [name, step] of logins)
      expect(step.with, name).toEqual({
        'client-id': `\${{ vars.CONFIG_REPO_APP }}`,
        'private-key': `\${{ secrets.CONFIG_REPO_KEY }}`,
        owner: `\${{ github.repository_owner }}`,
        repositories: `\${{ vars.CONFIG_REPO }}`,
        'permission-contents': 'write',
      })
  })

  it('is written to by what releases alone', () => {
    const given = steps.filter(([, { env }]) => env?.SHOPCTL_GIT_TOKEN !== undefined)
    expect(given.map(([name]) => name)).toEqual([
      'rollback.yml rollback: Roll back',
      ...['shopctl.yml deploy: Deploy', 'shopctl.yml deploy: Smoke test'],
      'shopctl.yml switch: Switch',
    ])
    for (const [name, { env }] of given)
      expect(env?.SHOPCTL_GIT_TOKEN, name).toBe(`\${{ steps.config-repo.outputs.token }}`)
  })

  it('is asked for by the driver that the caller names, which shopctl compares', () => {
    const { on, env } = read('shopctl.yml')
    expect(on.workflow_call).toMatchObject({ inputs: { driver: { default: 'helm' } } })
    expect(env?.SHOPCTL_DRIVER).toBe(`\${{ inputs.driver }}`)
    const { staging, production } = read('release.yml').jobs
    for (const [job, name] of [
      [staging, 'STAGING'],
      [production, 'PRODUCTION'],
    ] as const)
      expect(job).toMatchObject({ with: { driver: `\${{ vars.${name}_DRIVER || 'helm' }}` } })
  })

  it('is offered a check of its pull requests, which may only read', () => {
    const { on, permissions, jobs: checks } = parse(textOf(forConfigRepo, 'plan.yml')) as Workflow
    expect(on).toEqual({ pull_request: { branches: ['main'] } })
    expect(permissions).toEqual({})
    const { plan } = checks
    expect(plan?.permissions).toEqual({ contents: 'read' })
    const checkouts = (plan?.steps ?? []).filter(({ uses }) =>
      uses?.startsWith('actions/checkout@'),
    )
    for (const each of checkouts) expect(each.with?.['persist-credentials']).toBe(false)
    // The merge commit, and main before it.
    expect(checkouts.map(({ with: given }) => given?.['fetch-depth'])).toEqual([undefined, 2])
    expect(plan?.steps?.at(-1)?.run).toContain('plan --env "$ENVIRONMENT" --from HEAD^1 --to HEAD')
  })
})

it('an environment makes no deployment of GitHub for each job', () => {
  const environments = jobs.flatMap(([, { environment }]) => environment ?? [])
  expect(environments.map(({ name }) => name)).toEqual([
    'quality',
    ...[`\${{ inputs.environment }}`, 'images', 'images'],
    ...[`\${{ inputs.environment }}`, `\${{ inputs.environment }}-live`],
  ])
  for (const { deployment } of environments) expect(deployment).toBe(false)
})

it('the steps of a release follow each other', () => {
  const { images, attest, deploy, switch: last } = read('shopctl.yml').jobs
  const needs = [images, attest, deploy, last].map((job) => job?.needs)
  expect(needs).toEqual([undefined, 'images', ['images', 'attest'], 'deploy'])
  const { checks, staging, production } = read('release.yml').jobs
  expect([checks?.needs, staging?.needs, production?.needs]).toEqual([
    ...[undefined, 'checks', 'staging'],
  ])
})

it('images are built once: their digests go on from job to job, and from staging to production', () => {
  const { images, deploy } = read('shopctl.yml').jobs
  expect(images?.if).toBe(`\${{ inputs.digests == '' }}`)
  expect(images?.outputs?.digests).toBe(`\${{ steps.push.outputs.digests }}`)
  // It runs without the jobs before it, too, but not after their failure.
  expect(deploy?.if).toBe(`\${{ !failure() && !cancelled() }}`)
  const { env } = deploy?.steps?.find(({ name }) => name === 'Deploy') ?? {}
  expect(env?.DIGESTS).toBe(`\${{ inputs.digests || needs.images.outputs.digests }}`)
  expect(read('shopctl.yml').on.workflow_call).toMatchObject({
    outputs: { digests: { value: `\${{ inputs.digests || jobs.images.outputs.digests }}` } },
  })
  expect(read('release.yml').jobs.production).toMatchObject({
    with: { digests: `\${{ needs.staging.outputs.digests }}` },
  })
})

it('production follows a staging whose switch had nothing to do', () => {
  // GitHub skips what needs a job in which something was skipped, unless its condition has a status function.
  expect(read('release.yml').jobs.production?.if).toBe(
    `\${{ !cancelled() && needs.staging.result == 'success' && vars.PRODUCTION != '' }}`,
  )
})

describe('a script', () => {
  const scripts = steps.flatMap(([name, { run }]): [string, string][] => (run ? [[name, run]] : []))

  it('is replaced by its program, which gets the signals of a cancelled job', () => {
    const others = scripts.filter(([, run]) => !run.startsWith('exec '))
    expect(others.map(([name]) => name)).toEqual(['shopctl.yml attest: Log in to the registry'])
  })

  it('holds no expression: what a user types is no code', () => {
    for (const [name, run] of scripts) expect(run, name).not.toContain(`\${{`)
  })

  const values: Record<string, string> = {
    ENVIRONMENT: 'staging',
    DIGESTS: `{"order":"sha256:${'a1'.repeat(32)}"}`,
    REASON: 'it burns',
    RELEASE: 'r-41',
  }
  /** As the shell makes them. */
  function wordsOf(script: string): string[] {
    const [command = ''] = script.replace(/^exec node "\$SHOPCTL" /, '').split(' > ')
    const optional = command.replaceAll(/\$\{(\w+):\+(.*?)\}/g, '$2')
    const words = optional.match(/(?:"[^"]*"|[^\s"])+/g) ?? []
    return words.map((word) =>
      word.replaceAll('"', '').replaceAll(/\$(\w+)/g, (_, name: string) => values[name] ?? ''),
    )
  }

  const shopctl = scripts.filter(([, run]) => run.includes('"$SHOPCTL" '))

  it('calls shopctl', () => {
    const verbs = shopctl.map(([, run]) => wordsOf(run)[0])
    expect(verbs).toEqual(['rollback', 'build', 'push', 'deploy', 'smoke', 'switch'])
  })

  it.each(shopctl)('%s is a command, with options that it has', async (_, run) => {
    const called: Record<string, unknown>[] = []
    const runner: Runner = {
      inEnvironment: async (command) => void called.push(command.opts()),
      onPlatform: async () => expect.unreachable(),
    }
    const program = createProgram(runner, new AbortController().signal)
    await program.parseAsync(wordsOf(run), { from: 'user' })
    expect(called).toMatchObject([{ env: 'staging' }])
  })

  it('rolls back for this reason, to this release', () => {
    const [, run = ''] = shopctl.find(([name]) => name.startsWith('rollback')) ?? []
    expect(wordsOf(run)).toContain('--reason=it burns')
    expect(wordsOf(run)).toContain('--to=r-41')
  })

  it('finds shopctl', () => {
    for (const file of ['rollback.yml', 'shopctl.yml'])
      expect(existsSync(join(root, read(file).env?.SHOPCTL ?? '')), file).toBe(true)
  })
})

it.each(['release.yml', 'rollback.yml', 'shopctl.yml'])(
  '%s is offered to other repositories, which have shopctl among their packages',
  (file) => {
    const elsewhere = 'SHOPCTL: node_modules/@shop-platform/shopctl/bin/shopctl.js'
    const expected = textOf(ours, file).replace('SHOPCTL: cli/bin/shopctl.js', elsewhere)
    expect(textOf(offered, file)).toBe(expected)
  },
)

it('other repositories are offered tests of their own, which a release calls too', () => {
  const { on, permissions, concurrency, jobs } = parse(textOf(offered, 'ci.yml')) as Workflow
  const own = read('ci.yml')
  expect({ on, permissions, concurrency }).toEqual({
    ...{ on: own.on, permissions: own.permissions, concurrency: own.concurrency },
  })
  for (const job of Object.values(jobs)) {
    expect(job.permissions).toEqual({ contents: 'read' })
    expect(job['timeout-minutes']).toBeGreaterThan(0)
  }
  expect(textOf(offered, 'ci.yml')).not.toMatch(/secrets\.|pull_request_target/)
})
