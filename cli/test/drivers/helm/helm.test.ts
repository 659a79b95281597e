// What is said to helm, word by word, and what is made of its failures.

import { describe, expect, it } from 'vitest'
import type { Command, Finished, Shell } from '../../../src/adapters/shell.ts'
import {
  createHelm,
  marksOf,
  templateCommand,
  uninstallCommand,
  upgradeCommand,
} from '../../../src/drivers/helm/helm.ts'
import { aLimit } from '../../fakes/host.ts'

const release = {
  name: 'order-green',
  chart: 'charts/shop-slot',
  valuesFiles: ['a.yaml', 'b.yaml'],
  values: { shopctl: { color: 'green' } },
}
const write = { ...release, marks: {} }
const here = { namespace: 'shop', context: null }
const alone = { wait: false, adopt: false }
const once = { waitSeconds: null, adopt: false }
const { signal } = new AbortController()

describe('helm upgrade', () => {
  it('gets generated values from standard input, after the files', () => {
    expect(upgradeCommand(write, here, once).join(' ')).toBe(
      'upgrade --install order-green charts/shop-slot --namespace shop --values a.yaml --values b.yaml --values - --reset-values --server-side=true --force-conflicts --disable-openapi-validation --history-max 3',
    )
  })

  it('waits for a dependency, in the context of the environment', () => {
    const args = upgradeCommand(
      write,
      { namespace: 'shop', context: 'prod' },
      { waitSeconds: 0.5, adopt: false },
    )
    expect(args.join(' ')).toContain('--namespace shop --kube-context prod')
    expect(args.slice(-3)).toEqual(['--wait', '--timeout', '500ms'])
  })

  it('takes over objects of another release only with adopt', () => {
    expect(upgradeCommand(write, here, { waitSeconds: null, adopt: true }).at(-1)).toBe(
      '--take-ownership',
    )
    expect(upgradeCommand(write, here, once)).not.toContain('--take-ownership')
  })

  it('keeps marks as labels of the release', () => {
    const args = upgradeCommand({ ...write, marks: { checked: 'c0', rendered: '12' } }, here, once)
    expect(args.slice(-2)).toEqual(['--labels', 'shopctl.dev/checked=c0,shopctl.dev/rendered=12'])
    expect(
      marksOf({ 'shopctl.dev/checked': 'c0', 'shopctl.dev/rendered': '12', owner: 'helm' }),
    ).toEqual({ checked: 'c0', rendered: '12' })
  })
})

it('helm template renders what an upgrade would apply: tests aside, hooks too', () => {
  expect(templateCommand(release, { ...here, context: 'prod' }).join(' ')).toBe(
    'template order-green charts/shop-slot --namespace shop --values a.yaml --values b.yaml --values - --skip-tests',
  )
})

it('helm uninstall succeeds for a release that no longer exists', () => {
  expect(uninstallCommand('order-green', here).join(' ')).toBe(
    'uninstall order-green --namespace shop --ignore-not-found --cascade background',
  )
  const there = { namespace: 'shop', context: 'prod' }
  expect(uninstallCommand('order-green', there).join(' ')).toContain('--kube-context prod')
})

describe('running helm', () => {
  function helmAnswering(exitCode: number, stderr: string, stdout = '') {
    const commands: Command[] = []
    const run: Shell['run'] = async (command): Promise<Finished> => {
      commands.push(command)
      return { exitCode, stdout, stderr, output: stdout + stderr }
    }
    const options = {
      program: '/bin/helm',
      env: { KUBECONFIG: 'k' },
      ...here,
      root: '/project',
      limit: aLimit,
    }
    return { commands, helm: createHelm({ run, check: async () => '' }, options) }
  }
  const wrong =
    "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nshop-slot:\n- at '/replicas': minimum: got 0, want 1"

  it('gives it values, its environment and the root; what stops the command stops it', async () => {
    const { commands, helm } = helmAnswering(0, '', 'kind: A')
    expect(await helm.template(release)).toBe('kind: A')
    await helm.upgrade(write, alone, signal)
    await helm.uninstall('order-green', signal)
    const all = { program: '/bin/helm', cwd: '/project', env: { KUBECONFIG: 'k' }, limit: aLimit }
    const input = '{"shopctl":{"color":"green"}}'
    expect(commands).toMatchObject([
      { ...all, input },
      { ...all, input, signal },
      { ...all, signal },
    ])
  })

  it('refuses values that do not fit, rendered or applied, and names the files', async () => {
    const { helm } = helmAnswering(1, wrong)
    const expected = {
      code: 'bad-values',
      exitCode: 2,
      message: expect.stringMatching(/charts\/shop-slot .* order-green:\n.*got 0, want 1$/s),
      hint: expect.stringContaining('a.yaml or b.yaml or the chart'),
    }
    await expect(helm.template(release)).rejects.toMatchObject(expected)
    await expect(helm.upgrade(write, alone, signal)).rejects.toMatchObject(expected)
  })

  it('refuses any chart that cannot be rendered, and fails when it cannot be applied', async () => {
    const { helm } = helmAnswering(1, 'Error: template: a.yaml:3: unexpected "}"')
    await expect(helm.template(release)).rejects.toMatchObject({ code: 'bad-values', exitCode: 2 })
    await expect(helm.upgrade(write, alone, signal)).rejects.toMatchObject({
      code: 'helm-failed',
      exitCode: 1,
      message: 'helm could not upgrade order-green:\ntemplate: a.yaml:3: unexpected "}"',
    })
    await expect(helm.uninstall('order-green', signal)).rejects.toMatchObject({
      code: 'helm-failed',
      exitCode: 1,
      hint: expect.stringContaining('shopctl cleanup'),
    })
  })

  it('that fails to upgrade gives the hint of the caller, or the one for a slot', async () => {
    const { helm } = helmAnswering(1, 'Error: timed out')
    await expect(helm.upgrade(write, alone, signal)).rejects.toMatchObject({
      hint: expect.stringContaining('The same slots are live as before.'),
    })
    const hint = 'Look at postgres.'
    await expect(helm.upgrade(write, { ...alone, hint }, signal)).rejects.toMatchObject({ hint })
  })

  it('that is too old is refused, with its version', async () => {
    const old = "Error: unknown flag: --server-side\nSee 'helm upgrade --help'."
    const { commands, helm } = helmAnswering(1, old, 'v3.18.4+gd80839c')
    await expect(helm.upgrade(write, alone, signal)).rejects.toMatchObject({
      ...{ code: 'old-helm', exitCode: 2 },
      message:
        '/bin/helm is v3.18.4+gd80839c and does not know the flag --server-side. shopctl needs helm 4.',
      hint: expect.stringContaining('Install helm 4'),
    })
    expect(commands.at(-1)?.args).toEqual(['version', '--short'])
  })
})
