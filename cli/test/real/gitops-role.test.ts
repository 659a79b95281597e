// Releases through Argo CD with the Role of a releaser and no other right, as a job of CI has it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finished } from '../../src/adapters/shell.ts'
import { env, gitLogin } from './config-repo.ts'
import { applications, ensureGitops, liveColors } from './gitops.ts'
import { asUser, installRoles, logInAs, removeRoles, type User } from './roles.ts'
import {
  copyTree,
  kubectl,
  other,
  platformEnv,
  releaseHolds,
  shopctl,
  status,
  type Tree,
  until,
} from './shop.ts'

const gitops = ['driver=gitops', 'argocd.system=shop', `argocd.environment=${env}`]
const payment = ['--service', 'payment']
const releasers = ['releaser'] as const

let tree: Tree
let granted: string[]
let user: User
let variables: Record<string, string>

beforeAll(async () => {
  // Dependencies, the guard, and what is live first.
  await ensureGitops()
  granted = (await installRoles(releasers, gitops)).releaser
  user = await logInAs('releaser', 'limited')
  const { url, clusterUrl, user: name, password } = await gitLogin()
  variables = { SHOPCTL_GIT_USER: name, SHOPCTL_GIT_TOKEN: password }
  tree = await copyTree()
  const cluster = 'cluster: { context: limited, registry: 127.0.0.1:5000 }'
  const own = `gitops: { url: "${url}", clusterUrl: "${clusterUrl}" }`
  await tree.edit(
    'shopctl.yaml',
    /(\n {2}gitops:\n {4})cluster: embedded/,
    `$1${cluster}\n    ${own}`,
  )
}, 900_000)

afterAll(async () => {
  await user?.close()
  await tree?.remove()
  await removeRoles(releasers)
}, 300_000)

async function run(...args: string[]): Promise<Finished> {
  const given = { ...(await platformEnv()), ...variables, KUBECONFIG: user.kubeconfig }
  return shopctl(args, { cwd: tree.dir, env: given })
}

async function ok(...args: string[]): Promise<Finished> {
  const finished = await run(...args)
  const { exitCode, stdout, stderr } = finished
  if (exitCode === 0) return finished
  throw new Error(`shopctl ${args.join(' ')} → ${exitCode}\n${stdout}\n${stderr}`)
}

async function expectAtRest(): Promise<void> {
  await until(
    'all Applications are synced and healthy',
    async () => Object.values(await applications()).every((each) => each === 'Synced Healthy'),
    20_000,
  )
}

function rights(verbs: string, ...kinds: string[]): string[] {
  return kinds.flatMap((kind) => verbs.split(' ').map((verb) => `${verb} ${kind}`))
}

/** What the release here does not need, by what does. */
const otherUses = {
  'why a slot is broken': ['get pods/log'],
  'records of long ago, and copies of ConfigMaps': ['delete configmaps'],
  'another chart of the Services': ['get roles.rbac.authorization.k8s.io'],
  'a smoke test that sends other requests': rights('update patch delete', 'services/proxy'),
  'Kubernetes from 1.35 on': ['create pods/portforward'],
}

/** Only an operation of Argo CD that takes long is read, and ended. Only a lock that is held for long is renewed. */
const sometimes = ['get applications.argoproj.io', 'update leases.coordination.k8s.io']

describe('a releaser', () => {
  it('releases, goes back and cleans up', async () => {
    const { payment: before } = (await status()).services
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    for (const verb of ['build', 'push', 'plan', 'deploy']) await ok(verb, ...payment)
    await ok('smoke')
    await ok('switch', ...payment)
    expect((await liveColors()).payment).toBe(other(before?.active))
    await expectAtRest()
    await ok('rollback')
    expect((await liveColors()).payment).toBe(before?.active)
    await releaseHolds(async (args) => (await ok(...args)).stdout)
    await ok('switch', ...payment)
    await ok('cleanup', ...payment)
    await expectAtRest()
    for (const args of [['status'], ['history'], ['gitops', 'log'], ['release', ...payment]])
      await ok(...args)
    expect((await status()).services.payment).toMatchObject({ active: other(before?.active) })
  }, 400_000)

  it('has no right that shopctl does not use', () => {
    const isUsed = (right: string): boolean =>
      user.used.has(right) ||
      // A list that shows nothing yet is followed by a watch.
      (right.startsWith('watch ') && user.used.has(right.replace('watch', 'list')))
    const unused = granted.filter((right) => !sometimes.includes(right) && !isUsed(right))
    expect(unused.sort()).toEqual(Object.values(otherUses).flat().sort())
  })

  it.each([
    ['a slot', ['patch', 'deployments.apps/payment-blue']],
    ['a new slot', ['create', 'deployments.apps']],
    ['a selector', ['patch', 'services/payment']],
    ['a Service', ['delete', 'services/payment']],
    ['a Secret that is there', ['update', 'secrets']],
    ['a pod', ['create', 'pods']],
    ['a command in a pod', ['create', 'pods', '--subresource=exec']],
    ['a Job', ['create', 'jobs.batch']],
    ['another Job', ['delete', 'jobs.batch/backup']],
    ['another lock', ['update', 'leases.coordination.k8s.io/other']],
    ['a Role', ['create', 'roles.rbac.authorization.k8s.io']],
    ['the token of a ServiceAccount', ['create', 'serviceaccounts/payment', '--subresource=token']],
    ['messages of customers', ['create', 'pods', '--subresource=proxy']],
    ['the guard', ['patch', 'validatingadmissionpolicies.admissionregistration.k8s.io']],
    ['another Application', ['patch', 'applications.argoproj.io/other', '--namespace=argocd']],
    ['a new Application', ['create', 'applications.argoproj.io', '--namespace=argocd']],
    ['the project', ['patch', 'appprojects.argoproj.io', '--namespace=argocd']],
    ["Argo CD's Secrets", ['get', 'secrets', '--namespace=argocd']],
  ])('has no right to %s', async (_, right) => {
    const { stdout } = await kubectl('auth', 'can-i', ...right, ...asUser('releaser'))
    expect(stdout.trim()).toBe('no')
  })

  it('leaves dependencies to a deployer, and says so', async () => {
    const file = 'charts/rabbitmq/values.yaml'
    await tree.edit(file, 'memory: 768Mi', 'memory: 800Mi')
    const { exitCode, stderr } = await run('deploy', ...payment)
    await tree.edit(file, 'memory: 800Mi', 'memory: 768Mi')
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('rabbitmq is missing or out of date')
    expect(exitCode).toBe(2)
    const list = ['get', 'secrets', '--selector=owner=helm,name=rabbitmq,status!=deployed']
    const { stdout } = await kubectl(
      ...list,
      '--output=jsonpath={.items[*].metadata.labels.status}',
    )
    expect(stdout.replaceAll('superseded', '').trim()).toBe('')
  }, 60_000)

  it('moves the Services and scales the slots where that is allowed', async () => {
    const { payment: before } = (await status()).services
    await installRoles(releasers, [...gitops, 'releaser.services=true', 'releaser.scale=true'])
    await user.close()
    user = await logInAs('releaser', 'limited')
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    const { stderr } = await ok('release', ...payment)
    expect(stderr).not.toContain('keeps its number of pods')
    expect((await liveColors()).payment).toBe(other(before?.active))
    await ok('rollback')
    expect((await liveColors()).payment).toBe(before?.active)
    await expectAtRest()
  }, 200_000)
})
