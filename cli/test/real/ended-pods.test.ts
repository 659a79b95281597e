// Pods that have ended, and copies of pods, count for nothing: neither in a move nor in what is shown.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { slotSelector } from './chaos.ts'
import {
  copyTree,
  ensureLive,
  kubectl,
  kubectlOk,
  other,
  releaseHolds,
  restricted,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
  until,
} from './shop.ts'

let tree: Tree
let copy: string | null = null

beforeAll(async () => {
  await ensureLive()
  tree = await copyTree()
  await tree.append('services/payment/main.ts', '\n// ended pods\n')
  await shopctlOk(['release', '--service', 'payment'], { cwd: tree.dir })
}, 300_000)

afterAll(async () => {
  if (copy !== null) await kubectl('delete', 'pod', copy, '--now')
  await tree?.remove()
})

function phases(selector: string): Promise<string> {
  return kubectlOk('get', 'pods', '--selector', selector, '--output=jsonpath={..status.phase}')
}

async function names(selector: string): Promise<string[]> {
  const running = ['--field-selector=status.phase=Running', '--output=jsonpath={..metadata.name}']
  return (await kubectlOk('get', 'pods', '--selector', selector, ...running)).split(' ')
}

/** Ends a pod as its deadline does. Its Deployment replaces it, and the ended pod stays. */
async function endOne(selector: string, deployment: string): Promise<void> {
  const [pod = ''] = await names(selector)
  await kubectlOk('patch', 'pod', pod, '--patch', '{"spec":{"activeDeadlineSeconds":1}}')
  await until('the pod has ended', async () => (await phases(selector)).includes('Failed'))
  await kubectlOk('rollout', 'status', `deployment/${deployment}`, '--timeout=60s')
}

/** As `kubectl debug --copy-to --keep-labels` leaves it: with the labels of the slot, idle, and ready. */
async function copyOne(selector: string): Promise<string> {
  const [pod = ''] = await names(selector)
  const labels = await kubectlOk('get', 'pod', pod, '--output=jsonpath={.metadata.labels}')
  const image = await kubectlOk('get', 'pod', pod, '--output=jsonpath={.spec.containers[0].image}')
  const { 'pod-template-hash': _, ...kept } = JSON.parse(labels) as Record<string, string>
  const name = `${pod}-debug`
  const marks = Object.entries(kept).map(([key, value]) => `${key}=${value}`)
  const command = ['--command', '--', 'sleep', '3600']
  const options = [`--image=${image}`, `--labels=${marks}`, ...restricted(name)]
  await kubectlOk('run', name, ...options, ...command)
  await kubectlOk('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s')
  return name
}

test('a rollback to a slot with a pod that has ended and an idle copy of a pod', async () => {
  const live = (await status()).services.payment?.active
  const standby = slotSelector('payment', other(live))
  await endOne(standby, `payment-${other(live)}`)
  copy = await copyOne(standby)
  const moved = await shopctlJson<{ services: { name: string; to: string }[] }>(['rollback'])
  expect(moved.services).toMatchObject([{ name: 'payment', to: other(live) }])
  await kubectlOk('delete', 'pod', copy, '--now')
  copy = null
}, 180_000)

test('status, audit and messages while both slots have pods that have ended', async () => {
  const { active } = (await status()).services.payment ?? {}
  await endOne(slotSelector('payment', other(active)), `payment-${other(active)}`)
  const { slots } = (await status()).services.payment ?? {}
  expect(slots?.[active ?? 'blue']).toMatchObject({ replicas: 2, ready: 2, consumers: 2 })
  const audit = await shopctl(['audit', '--wait', '10', '--json'])
  expect(audit.exitCode, audit.stdout + audit.stderr).toBe(0)
  expect((await shopctl(['messages', 'list'])).exitCode).toBe(0)
}, 180_000)

test('smoke, switch and cleanup with pods that have ended', async () => {
  const { active } = (await status()).services.payment ?? {}
  const service = ['--service', 'payment']
  await releaseHolds()
  for (const verb of ['smoke', 'switch']) await shopctlOk([verb, ...service], { cwd: tree.dir })
  expect((await status()).services.payment?.active).toBe(other(active))
  // As users run it: it waits until nobody uses the slot.
  await shopctlOk(['cleanup', ...service, '--timeout', '120'])
  expect((await status()).services.payment?.slots[active ?? 'blue']).toBeNull()
}, 180_000)
