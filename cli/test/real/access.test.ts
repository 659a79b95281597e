// Who may do what in the cluster: pods of the shop, and an operator.
import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { sendTo } from './broker.ts'
import {
  ensureLive,
  kubectl,
  kubectlOk,
  namespace,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  until,
} from './shop.ts'

beforeAll(ensureLive, 300_000)

/** The pods of the live slot of a service. */
async function livePods(service: string): Promise<{ name: string; ip: string }[]> {
  const color = (await status()).services[service]?.active
  const selector = `app.kubernetes.io/name=${service},shopctl.dev/color=${color}`
  const list = await kubectlOk('get', 'pods', '--selector', selector, '--output=json')
  const { items } = JSON.parse(list) as {
    items: { metadata: { name: string }; status: { podIP: string } }[]
  }
  return items.map(({ metadata, status }) => ({ name: metadata.name, ip: status.podIP }))
}

/** The status and body of a request that a pod of payment sends. */
async function fromPayment(url: string, method = 'GET', headers: Record<string, string> = {}) {
  const [pod] = await livePods('payment')
  const script = `const token = require('fs').readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8')
    const headers = JSON.parse(process.argv[3], (name, value) => value === 'OWN' ? token : value)
    fetch(process.argv[1], { method: process.argv[2], headers }).then(async (answer) =>
      console.log(JSON.stringify({ status: answer.status, body: await answer.text() })))`
  const args = ['node', '-e', script, url, method, JSON.stringify(headers)]
  return JSON.parse(await kubectlOk('exec', pod?.name ?? '', '--', ...args)) as {
    status: number
    body: string
  }
}

/** A message that is parked at order. */
async function parkedMessage(): Promise<string> {
  const id = randomUUID()
  const type = 'nothing.known.v1'
  const envelope = { specversion: '1.0', id, source: '/test', type, subject: id }
  const data = { customer: { email: 'ada@example.com' } }
  const rest = { time: new Date().toISOString(), datacontenttype: 'application/json', data }
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await sendTo('order', [{ id, type, body: { ...envelope, ...rest, traceparent } }])
  await until('it is parked', async () => {
    const { exitCode } = await shopctl(['messages', 'show', id])
    return exitCode === 0
  })
  return id
}

test('a pod of payment can neither read nor discard the messages of order; an operator can, and is logged', async () => {
  const id = await parkedMessage()
  const pods = await livePods('order')
  for (const { ip } of pods) {
    const base = `http://${ip}:9090`
    expect(await fromPayment(`${base}/role`)).toMatchObject({ status: 200 })
    expect(await fromPayment(`${base}/messages/${id}`)).toMatchObject({ status: 401 })
    const discard = `${base}/messages/${id}/discard`
    expect(await fromPayment(discard, 'POST')).toMatchObject({ status: 401 })
    const own = await fromPayment(discard, 'POST', { 'x-shopctl-token': 'OWN' })
    expect(own).toMatchObject({ status: 403, body: expect.stringContaining(':payment may not') })
  }
  const show = async (...more: string[]) =>
    (
      await shopctlJson<{ messages: { event: { data: object } }[] }>([
        'messages',
        'show',
        id,
        ...more,
      ])
    ).messages[0]?.event.data
  expect(await show()).toEqual({ customer: { email: '***' } })
  expect(await show('--reveal')).toEqual({ customer: { email: 'ada@example.com' } })
  const { exitCode, stderr } = await shopctl(['messages', 'discard', id, '--reason', 'a test'])
  expect(exitCode, stderr).toBe(0)

  const logs = await Promise.all(pods.map(({ name }) => kubectlOk('logs', name)))
  const lines = logs.flatMap((log) => log.split('\n').filter((line) => line.includes(id)))
  const done = lines.find((line) => line.includes('/discard"') && line.includes('204'))
  expect(JSON.parse(done ?? '{}')).toMatchObject({
    user: 'system:serviceaccount:shop-test:order-operator',
    by: expect.stringContaining('@'),
    reason: 'a test',
    method: 'POST',
    path: expect.stringContaining(`/messages/${id}/discard`),
    status: 204,
  })
  expect(lines.filter((line) => line.includes('management refused'))).toHaveLength(3 * pods.length)
  expect(logs.join()).not.toMatch(/eyJhbGci|ada@example/)
}, 120_000)

test('the account of the operator has no rights in the cluster', async () => {
  const account = 'system:serviceaccount:shop-test:order-operator'
  for (const [verb, resource] of [
    ['get', 'pods'],
    ['create', 'pods/proxy'],
    ['get', 'secrets'],
    ['list', 'services'],
  ])
    expect(
      (await kubectl('auth', 'can-i', verb ?? '', resource ?? '', `--as=${account}`)).stdout.trim(),
    ).toBe('no')
}, 60_000)

test('a pod that is not fit is not started, and a deploy does not forbid pods that run', async () => {
  const run = ['run', 'unfit', '--image=node:24-bookworm-slim', '--restart=Never']
  const { exitCode, stderr } = await kubectl(...run, '--', 'sleep', '1')
  expect(stderr).toMatch(/violates PodSecurity "restricted:latest"/)
  expect(exitCode).toBe(1)

  const label = 'pod-security.kubernetes.io/enforce'
  await kubectlOk('label', 'namespace', namespace, `${label}-`)
  try {
    await kubectlOk(...run, '--', 'sleep', '600')
    const refused = await shopctl(['deploy'])
    expect(refused.stderr).toMatch(/`podSecurity: restricted` forbids:.*unfit: allowPriv/s)
    expect(refused.exitCode).toBe(2)
  } finally {
    await kubectlOk('delete', 'pod', 'unfit', '--ignore-not-found', '--now')
  }
  await shopctlOk(['deploy'])
  const labels = await kubectlOk(
    'get',
    'namespace',
    namespace,
    '--output=jsonpath={.metadata.labels}',
  )
  expect(JSON.parse(labels)).toMatchObject({ [label]: 'restricted' })
}, 120_000)
