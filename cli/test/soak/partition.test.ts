// One of three brokers is cut off from the other two while messages are published: nothing that was confirmed is lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { cutOffFrom } from '../real/chaos.ts'
import { createDependencies, drain } from '../real/dependencies.ts'
import { until } from '../real/shop.ts'

const { addresses, ok, create, remove, install, connect, members, leaderOf } =
  createDependencies('shop-soak')
const queue = 'notification'
const perSecond = 20
const partitionMs = 20_000
const longestPauseMs = 15_000
/** A bound on how much is published, whatever happens. */
const mostMessages = 6_000
/** A connection that leaves a message unconfirmed for longer is given up: it may lead to the lone node. */
const patienceMs = 1_000

interface Node {
  name: string
  uid: string
  address: string
}

beforeAll(async () => {
  await create()
  await install('rabbitmq', '--set=nodes=3')
})

afterAll(remove)

async function nodes(): Promise<Node[]> {
  const selector = '--selector=app.kubernetes.io/name=rabbitmq'
  const list = JSON.parse(await ok('kubectl', ['get', 'pods', selector, '--output=json'])) as {
    items: { metadata: { name: string; uid: string }; status: { podIP: string } }[]
  }
  return list.items.map(({ metadata: { name, uid }, status }) => ({
    name,
    uid,
    address: status.podIP,
  }))
}

async function isReady(pod: string): Promise<boolean> {
  const path = '--output=jsonpath={.status.containerStatuses[0].ready}'
  return (await ok('kubectl', ['get', 'pod', pod, path])) === 'true'
}

async function areAllOnline(): Promise<boolean> {
  // Whoever answers may have to ask a node that is just coming back.
  const online = await members().catch(() => [])
  return online.length > 0 && online.every((count) => count === 3)
}

/** Publishes numbered messages at a steady rate, each once: what is not confirmed may or may not be there. */
function startPublishing(address: string, prefix: string) {
  const confirmed = new Map<string, number>()
  const to = { exchange: 'shop.events', routingKey: `retry.${queue}`, durable: true }
  const open = () => {
    const options = { hosts: [address], acquireTimeout: patienceMs, retryLow: 50, retryHigh: 200 }
    // The only user that may publish these.
    const connection = connect(queue, '', options)
    return { connection, publisher: connection.createPublisher({ confirm: true, maxAttempts: 1 }) }
  }
  let current = open()
  let publishing = true

  const send = async (id: string): Promise<void> => {
    const used = current
    const giveUp = setTimeout(() => {
      if (used === current && publishing) current = open()
      used.connection.unsafeDestroy()
    }, patienceMs)
    const taken = () => confirmed.set(id, Date.now())
    await used.publisher.send(to, id).then(taken, () => {})
    clearTimeout(giveUp)
  }
  const loop = async (): Promise<void> => {
    const sent: Promise<void>[] = []
    for (let n = 0; publishing && n < mostMessages; n++) {
      sent.push(send(`${prefix} ${n}`))
      await sleep(1_000 / perSecond)
    }
    await Promise.all(sent)
    current.connection.unsafeDestroy()
  }
  const looping = loop()
  const stop = (): Promise<void> => {
    publishing = false
    return looping
  }
  onTestFinished(stop)
  return { confirmed, stop }
}

/** The longest time without a confirm between two moments. */
function longestPause(confirmed: Map<string, number>, from: number, to: number): number {
  const within = [...confirmed.values()].filter((at) => at > from && at < to)
  const moments = [from, ...within.sort((a, b) => a - b), to]
  return Math.max(...moments.map((at, n) => at - (moments[n - 1] ?? at)))
}

test.each(['leader', 'follower'])(
  'cut off from the others, the %s takes nothing, and nothing that was confirmed is lost',
  async (role) => {
    const leader = await leaderOf(queue)
    const all = await nodes()
    const lone = all.find(({ name }) => (name === leader) === (role === 'leader'))
    if (!lone) throw new Error(`no ${role} among ${all.map(({ name }) => name)}`)
    const others = all.filter((node) => node !== lone).map(({ address }) => address)

    const publishing = startPublishing(addresses.rabbitmq, role)
    await until('messages are confirmed', () => publishing.confirmed.size >= 2 * perSecond)

    const heal = await cutOffFrom(lone.uid, others)
    const cutAt = Date.now()
    const toLone = startPublishing(lone.address, `to the lone ${role}`)
    let pausedAt: number
    let healedAt: number
    try {
      await until('the lone node pauses', async () => !(await isReady(lone.name)), 60_000)
      pausedAt = Date.now()
      await sleep(Math.max(0, cutAt + partitionMs - Date.now()))
      await toLone.stop()
    } finally {
      healedAt = Date.now()
      await heal()
    }
    await until('all members are online', areAllOnline, 120_000)
    await until('the lone node is ready', () => isReady(lone.name), 60_000)
    const before = publishing.confirmed.size
    await until('more is confirmed', () => publishing.confirmed.size >= before + perSecond)
    await publishing.stop()

    const { confirmed } = publishing
    const pause = longestPause(confirmed, cutAt, healedAt)
    console.log(
      `${role}: cut off for ${healedAt - cutAt} ms, not ready after ${pausedAt - cutAt} ms; ` +
        `${confirmed.size} messages confirmed, the longest pause ${pause} ms`,
    )
    expect([...toLone.confirmed.keys()]).toEqual([])
    expect(pause).toBeLessThan(longestPauseMs)
    const received = new Set(await drain(connect('notification'), queue))
    expect([...confirmed.keys()].filter((id) => !received.has(id))).toEqual([])

    // It was not for another reason that the lone node took nothing.
    const afterwards = startPublishing(lone.address, `to the ${role} that is back`)
    await until('it takes messages again', () => afterwards.confirmed.size > 0)
    await afterwards.stop()
    await drain(connect('notification'), queue)
  },
  420_000,
)
