// What stands in the way of Argo CD, and what people do by hand: none of it moves the traffic, and all of it is named.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'
import { cloneRepo, env, type Repo } from './config-repo.ts'
import {
  activeColor,
  applicationOf,
  ensureGitops,
  expectAtRest,
  inArgocd,
  liveColors,
  orderNow,
  refresh,
} from './gitops.ts'
import {
  copyTree,
  kubectl,
  kubectlOk,
  namespace,
  other,
  platformEnv,
  shopctl,
  shopctlOk,
  type Tree,
  until,
} from './shop.ts'

const shell = createShell()
const order = ['--service', 'order']
const unsmoked = ['--skip-smoke', '--reason', 'a test']
const servicesFile = `${env}/services/values.yaml`
/** With another version of order. */
let tree: Tree
let repo: Repo
/** The slot of order that stands by. */
let slot: string

beforeAll(async () => {
  await ensureGitops()
  tree = await copyTree()
  repo = await cloneRepo()
  slot = `order-${other(await activeColor())}`
  await tree.edit('services/order/routes.ts', "'Place an order'", "'Place an order, again'")
  for (const verb of ['build', 'push']) await shopctlOk([verb, ...order], { cwd: tree.dir })
  await shopctlOk(['cleanup', ...order])
}, 900_000)

afterAll(async () => {
  await tree?.remove()
  await repo?.remove()
})

const deploy = () => shopctlOk(['deploy', ...order], { cwd: tree.dir })

async function patchApplication(what: string, spec: object): Promise<void> {
  const which = ['applications.argoproj.io', applicationOf(what), inArgocd]
  await kubectlOk('patch', ...which, '--type=merge', `--patch=${JSON.stringify({ spec })}`)
}

async function setWindows(syncWindows: object[]): Promise<void> {
  const selector = `--selector=shopctl.dev/environment=${env}`
  const project = await kubectlOk('get', 'appprojects', selector, inArgocd, '--output=name')
  const patch = `--patch=${JSON.stringify({ spec: { syncWindows } })}`
  await kubectlOk('patch', project.trim(), inArgocd, '--type=merge', patch)
}

async function apply(...items: object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items }
  const args = ['-c', 'exec kubectl "$@"', 'kubectl', '-n', namespace, 'apply', '--filename=-']
  await shell.check({
    program: 'sh',
    args,
    env: await platformEnv(),
    input: JSON.stringify(list),
  })
}

const policy = 'shopctl-test-closed'

/** Denies the Deployment of the slot. */
async function deny(): Promise<void> {
  const deployments = {
    ...{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] },
    ...{ operations: ['CREATE', 'UPDATE'], resourceNames: [slot] },
  }
  const matchLabels = { 'kubernetes.io/metadata.name': namespace }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  const metadata = { name: policy }
  await apply(
    {
      ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata },
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels },
          resourceRules: [deployments],
        },
        validations: [{ expression: 'false', message: 'nothing is deployed today' }],
      },
    },
    {
      ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata },
      spec: { policyName: policy, validationActions: ['Deny'] },
    },
  )
  await sleep(3_000)
}

async function setQuota(): Promise<void> {
  const names = await kubectlOk('get', 'deployments', '--output=name')
  const hard = `--hard=count/deployments.apps=${names.trim().split('\n').length}`
  await kubectlOk('create', 'quota', 'full', hard)
}

interface Obstacle {
  raise(): Promise<unknown>
  lift(): Promise<unknown>
  exitCode: 1 | 2
  says: RegExp
}

const init = () => shopctlOk(['gitops', 'init'])
const kinds = 'validatingadmissionpolicybindings,validatingadmissionpolicies'
const closed = { kind: 'deny', schedule: '* * * * *', duration: '1h', applications: ['*'] }
const obstacles: Record<string, Obstacle> = {
  'a full quota': {
    raise: setQuota,
    lift: () => kubectlOk('delete', 'quota', 'full'),
    exitCode: 1,
    says: /could not sync .*order-.*exceeded quota: full/s,
  },
  'a policy that denies': {
    raise: deny,
    lift: () => kubectlOk('delete', kinds, policy),
    exitCode: 1,
    says: /could not sync .*order-.*nothing is deployed today/s,
  },
  'a sync window that is closed': {
    raise: () => setWindows([closed]),
    lift: () => setWindows([]),
    exitCode: 1,
    says: /does not sync .*sync window/s,
  },
  'an Application that is missing': {
    raise: () => kubectlOk('delete', 'applications.argoproj.io', applicationOf(slot), inArgocd),
    lift: init,
    exitCode: 2,
    says: /no Application .*order-.*gitops init/s,
  },
  'an Application of another branch': {
    raise: () => patchApplication(slot, { source: { targetRevision: 'other' } }),
    lift: init,
    exitCode: 2,
    says: /order-.* follows other, not main/s,
  },
  'syncs that are off': {
    raise: () => patchApplication(slot, { syncPolicy: { automated: { enabled: false } } }),
    lift: init,
    exitCode: 2,
    says: /order-.* does not sync by itself/s,
  },
  'a values file that is none': {
    raise: () => repo.edit(servicesFile, (text) => `${text}  - : nonsense\n`),
    lift: () => repo.edit(servicesFile, (text) => text.replace('  - : nonsense\n', '')),
    exitCode: 2,
    says: /services\/values\.yaml:\d+:\d+/,
  },
}

test.each(Object.entries(obstacles))(
  '%s stops a deploy, and moves nothing',
  async (_, { raise, lift, exitCode, says }) => {
    const live = await liveColors()
    await raise()
    try {
      const refused = await shopctl(['deploy', ...order], { cwd: tree.dir })
      expect(refused.stderr).toMatch(says)
      expect(refused.exitCode).toBe(exitCode)
      expect(await liveColors()).toEqual(live)
    } finally {
      await lift()
    }
  },
  90_000,
)

test('the same deploy goes on when all of that is gone', async () => {
  await deploy()
  await expectAtRest(repo)
}, 60_000)

test('what somebody changes in the cluster on the standby is put back', async () => {
  await deploy()
  const standby = `deployment/order-${other(await activeColor())}`
  const image = `--output=jsonpath={.spec.template.spec.containers[0].image}`
  const before = await kubectlOk('get', standby, image)
  await kubectlOk('set', 'image', standby, 'order=example.com/another:1')
  await until('its image is back', async () => (await kubectlOk('get', standby, image)) === before)
  await kubectlOk('delete', standby)
  await until(
    'it is back',
    async () => (await kubectl('get', standby, '--output=name')).exitCode === 0,
  )
  await kubectlOk('rollout', 'status', standby, '--timeout=60s')
  await expectAtRest(repo)
}, 120_000)

test('a change of the live slot in git reaches no pod, and is named', async () => {
  const live = await activeColor()
  const memory = '--output=jsonpath={.spec.template.spec.containers[0].resources.requests.memory}'
  const before = await kubectlOk('get', `deployment/order-${live}`, memory)
  const file = `${env}/order/${live}/values.yaml`
  let text = ''
  await repo.edit(file, (was) => {
    text = was
    const document = parseDocument(was)
    document.setIn(['shop-slot', 'resources', 'requests', 'memory'], '150Mi')
    return document.toString()
  })
  const name = applicationOf(`order-${live}`)
  try {
    await refresh('normal', name)
    const told = new RegExp(`${name}: .*is the live slot of order`)
    await until(
      'status tells what the guard says',
      async () => told.test((await shopctlOk(['status'])).stdout.replaceAll(/\s+/g, ' ')),
      30_000,
    )
    expect(await kubectlOk('get', `deployment/order-${live}`, memory)).toBe(before)
  } finally {
    await repo.edit(file, () => text)
    await refresh('normal', name)
  }
  await expectAtRest(repo)
}, 120_000)

test('another image by hand on the standby has to pass its smoke test, and is shown with its author', async () => {
  await deploy()
  await shopctlOk(['smoke', ...order])
  const live = await activeColor()
  const standby = other(live)
  const { slots } = (await orderNow()) ?? {}
  const [to, from] = [slots?.[live]?.digest ?? '', slots?.[standby]?.digest ?? '']
  expect(to).not.toBe(from)
  await repo.edit(`${env}/order/${standby}/values.yaml`, (text) => text.replace(from, to))
  await refresh('normal', applicationOf(`order-${standby}`))
  await until('the pods follow', async () => {
    const slot = (await orderNow())?.slots[standby]
    return slot?.digest === to && slot.ready === slot.replicas && !slot.smoked
  })
  await expectAtRest(repo)
  const refused = await shopctl(['switch', ...order])
  expect(`${refused.exitCode} ${refused.stderr}`).toMatch(/^2 .*smoke/s)
  expect((await shopctlOk(['status'])).stdout).toContain('Jane')
  expect((await shopctlOk(['history'])).stdout).toContain('Jane')
  for (const verb of ['smoke', 'switch']) await shopctlOk([verb, ...order])
  await shopctlOk(['rollback'])
  await expectAtRest(repo)
}, 120_000)

test('a force-push that removes a switch is named, and a rollback makes both say the same', async () => {
  await deploy()
  const before = await activeColor()
  await shopctlOk(['switch', ...order, ...unsmoked])
  await repo.selectors()
  await repo.git('push', '--quiet', '--force', 'origin', 'HEAD^:main')
  expect((await shopctlOk(['status'])).stdout).toMatch(/git says \w+ .* the\s+cluster \w+ /)
  const refused = await shopctl(['deploy', ...order], { cwd: tree.dir })
  expect(`${refused.exitCode} ${refused.stderr}`).toMatch(/^2 .*does not say what is live/s)
  await shopctlOk(['rollback'])
  await expectAtRest(repo)
  expect(await activeColor()).toBe(before)
}, 90_000)
