// Bad input: exit 2, what is wrong, what to do, nothing changed, no stack trace.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  copyTree,
  ensureLive,
  kubectl,
  kubectlOk,
  other,
  shopctl,
  status,
  type Tree,
} from './shop.ts'

/** What a refused command must leave as it was: the Services' selectors and the Deployments' pod templates. */
async function fingerprint(): Promise<string> {
  return kubectlOk(
    'get',
    'services,deployments',
    '-l',
    'app.kubernetes.io/part-of=shop',
    '-o',
    'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.generation} {.spec.selector}{"\\n"}{end}',
  )
}

/** Until the end of the test. */
async function ownTree(): Promise<Tree> {
  const tree = await copyTree()
  onTestFinished(tree.remove)
  return tree
}

describe('refusals', { timeout: 120_000 }, () => {
  let before: string
  beforeAll(async () => {
    await ensureLive()
    before = await fingerprint()
  })
  afterAll(async () => {
    expect(await fingerprint()).toBe(before)
  })

  test.each([
    ['an unknown service', ['deploy', '--service', 'ordre'], /ordre[\s\S]*order/],
    ['an unknown colour', ['deploy', '--color', 'red'], /red[\s\S]*blue[\s\S]*green/],
    ['an unknown flag', ['deploy', '--colour', 'green'], /--colour[\s\S]*--color/],
    ['an unknown command', ['dploy'], /dploy[\s\S]*deploy/],
  ])('%s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await shopctl(args)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(stdout).toBe('')
    expect(exitCode).toBe(2)
  })

  test('an unknown environment', async () => {
    const { exitCode, stderr } = await shopctl(['status', '--env', 'prd'])
    expect(stderr).toMatch(/prd[\s\S]*local/)
    expect(exitCode).toBe(2)
  })

  test('as JSON: one document on stdout with code, message and hint', async () => {
    const { exitCode, stdout } = await shopctl(['deploy', '--service', 'ordre', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      error: {
        code: expect.any(String),
        message: expect.stringContaining('ordre'),
        hint: expect.any(String),
      },
    })
    expect(exitCode).toBe(2)
  })

  test.each(['show', 'replay', 'discard'])('messages %s of an unknown id', async (verb) => {
    const id = '00000000-0000-7000-8000-000000000000'
    const { exitCode, stdout, stderr } = await shopctl(['messages', verb, id])
    expect(stderr).toMatch(/No message 0000[\s\S]*messages list/)
    expect(stdout).toBe('')
    expect(exitCode).toBe(2)
  })

  test('a script that shopctl.yaml names and that is not there', async () => {
    const tree = await ownTree()
    await tree.edit('shopctl.yaml', /^audit: .*$/m, 'audit: services/shop/no-audit.ts')
    const { exitCode, stderr } = await shopctl(['audit'], { cwd: tree.dir })
    expect(stderr).toContain('no script services/shop/no-audit.ts')
    expect(exitCode).toBe(2)
  })

  test('deploying to the colour that serves', async () => {
    const tree = await ownTree()
    await tree.append('services/payment/main.ts', '\n// changed\n')
    const { active } = (await status()).services.payment ?? {}
    const args = ['--service', 'payment']
    expect((await shopctl(['build', ...args], { cwd: tree.dir })).exitCode).toBe(0)
    expect((await shopctl(['push', ...args], { cwd: tree.dir })).exitCode).toBe(0)
    const { exitCode, stderr } = await shopctl(['deploy', ...args, '--color', String(active)], {
      cwd: tree.dir,
    })
    expect(stderr).toContain(`${active}`)
    expect(stderr).toContain(`--color ${other(active)}`)
    expect(exitCode).toBe(2)
  })

  test('a mistake in shopctl.yaml is shown with file, line and path', async () => {
    const tree = await ownTree()
    await tree.edit('shopctl.yaml', /namespace: shop\n/, 'namespace: 7\n')
    const { exitCode, stderr } = await shopctl(['status'], { cwd: tree.dir })
    expect(stderr).toMatch(/shopctl\.yaml:\d+/)
    expect(stderr).toContain('environments.local.namespace')
    expect(exitCode).toBe(2)
  })

  test('a chart value that breaks the schema', async () => {
    const tree = await ownTree()
    await tree.append('charts/values/payment.yaml', '\nreplicass: 3\n')
    const { exitCode, stderr } = await shopctl(['deploy', '--service', 'payment'], {
      cwd: tree.dir,
    })
    expect(stderr).toMatch(/replicass/)
    expect(exitCode).toBe(2)
  })

  test('the live slot changed by hand: the cluster itself says no', async () => {
    const { active } = (await status()).services.order ?? {}
    const attempts = [
      ['set', 'image', `deployment/order-${active}`, '*=127.0.0.1:5000/shop/other:1'],
      ['scale', `deployment/order-${active}`, '--replicas=0'],
      ['delete', 'deployment', `order-${active}`],
    ]
    for (const attempt of attempts) {
      const { exitCode, stderr } = await kubectl(...attempt)
      expect(stderr).toMatch(/live|serves/i)
      expect(exitCode).not.toBe(0)
    }
  })
})
