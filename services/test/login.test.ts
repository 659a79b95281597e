// New logins are tried on real servers: what changed, a pool of open connections would not notice.
import { startLogins } from '@shop/kernel/login'
import { createMetrics } from '@shop/kernel/metrics'
import { Client } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { identity, logger, newId, openDatabase, setting } from './infrastructure.ts'
import { createSlots, eventually, untilConsuming, untilReady } from './slots.ts'

/** A database user of this test's own with a database of the same name, and what changes the user. */
async function createUser() {
  const admin = new Client({ connectionString: setting('SHOP_TEST_DATABASE_URL') })
  await admin.connect()
  const name = `login_${newId().replaceAll('-', '')}`
  const set = (what: string) => admin.query(`ALTER ROLE ${name} ${what}`)
  await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'old'`)
  await admin.query(`CREATE DATABASE ${name} OWNER ${name}`)
  onTestFinished(async () => {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.query(`DROP ROLE ${name}`)
    await admin.end()
  })
  const url = new URL(setting('SHOP_TEST_DATABASE_URL'))
  return { url: Object.assign(url, { username: name, password: 'old', pathname: name }).href, set }
}

function open(urls: { databaseUrl?: string; amqpUrl?: string }) {
  const metrics = createMetrics(identity)
  const logins = startLogins({
    databaseUrl: setting('SHOP_TEST_DATABASE_URL'),
    amqpUrl: setting('SHOP_TEST_AMQP_URL'),
    name: 'test login',
    logger,
    metrics: metrics.of('live'),
    now: () => new Date(),
    ...urls,
  })
  onTestFinished(() => logins.close())
  return { ...logins, registry: metrics.registry }
}

function changed(url: string, fields: Partial<URL>): string {
  return Object.assign(new URL(url), fields).href
}

const amqpUrl = () => setting('SHOP_TEST_AMQP_URL')
const databaseUrl = () => setting('SHOP_TEST_DATABASE_URL')

describe('a new login', () => {
  it('succeeds with what the servers know', async () => {
    const { check, latest, registry } = open({})
    const report = await check()
    expect(report).toEqual({ state: 'ok', problem: null, at: expect.any(String) })
    expect(latest()).toEqual(report)
    const text = await registry.metrics()
    for (const server of ['database', 'broker'])
      expect(text).toMatch(new RegExp(`new_login_ok{plane="live",server="${server}",.*} 1`))
  })

  it('is tried once a second at most, however often somebody asks', async () => {
    const { check } = open({})
    const at: number[] = []
    for (let n = 0; n < 4; n += 1) at.push(Date.parse((await check()).at))
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(2_000)
    const together = await Promise.all(Array.from({ length: 50 }, check))
    expect(new Set(together).size).toBeLessThan(3)
  })

  const refused: [string, () => Parameters<typeof open>[0], RegExp][] = [
    [
      'another password of the broker',
      () => ({ amqpUrl: changed(amqpUrl(), { password: 'wrong' }) }),
      /^broker: .*ACCESS_REFUSED|^broker: .*refused/,
    ],
    [
      'an unknown virtual host',
      () => ({ amqpUrl: changed(amqpUrl(), { pathname: '/nowhere' }) }),
      /^broker: .*vhost/,
    ],
    [
      'an unknown database',
      () => ({ databaseUrl: changed(databaseUrl(), { pathname: '/nowhere' }) }),
      /^database: database "nowhere" does not exist/,
    ],
    [
      'no password',
      () => ({ databaseUrl: changed(databaseUrl(), { password: '' }) }),
      /^database: SASL/,
    ],
  ]
  it.each(refused)('is refused with %s', async (_, urls, problem) => {
    const report = await open(urls()).check()
    expect(report).toMatchObject({ state: 'refused', problem: expect.stringMatching(problem) })
    expect(report.problem).not.toContain('wrong')
  })

  const unreachable: [string, () => Parameters<typeof open>[0]][] = [
    ['database', () => ({ databaseUrl: changed(databaseUrl(), { port: '1' }) })],
    ['broker', () => ({ amqpUrl: changed(amqpUrl(), { port: '1' }) })],
  ]
  it.each(unreachable)('says of a %s that is away only that it is away', async (server, urls) => {
    expect(await open(urls()).check()).toMatchObject({
      state: 'unreachable',
      problem: expect.stringMatching(new RegExp(`^${server}: .`)),
    })
  })

  it.each([
    ['its password changes', "PASSWORD 'new'", "PASSWORD 'old'"],
    ['it is locked', 'NOLOGIN', 'LOGIN'],
    ['it expires', "VALID UNTIL '2020-01-01'", "VALID UNTIL 'infinity'"],
  ])('of a user fails when %s, while its open connections work', async (_, change, back) => {
    const user = await createUser()
    const pooled = openDatabase(user.url)
    await pooled.query('SELECT 1')
    const { check, registry } = open({ databaseUrl: user.url })
    expect(await check()).toMatchObject({ state: 'ok' })
    await user.set(change)
    await pooled.query('SELECT 1')
    expect(await check()).toMatchObject({
      state: 'refused',
      problem: expect.stringMatching(/^database: .*login_/),
    })
    expect(await registry.metrics()).toMatch(/new_login_ok{plane="live",server="database",.*} 0/)
    await user.set(back)
    expect(await check()).toMatchObject({ state: 'ok', problem: null })
  })
})

it('a pod reports its logins on both planes, tries on request, and stays ready without them', async () => {
  const user = await createUser()
  const slots = await createSlots({ databaseUrl: user.url })
  await slots.migrate()
  slots.select('blue')
  const pod = slots.start('blue')
  await untilReady(pod)
  await untilConsuming(pod, true)
  const ok = { login: { state: 'ok' }, preview: { login: { state: 'ok' } } }
  await eventually(async () => expect(await pod.manage('/role')).toMatchObject(ok))
  await user.set("PASSWORD 'new'")
  const report = await pod.manage('/role?login=now')
  const login = { state: 'refused', problem: expect.stringContaining('password') }
  expect(report).toMatchObject({ role: 'live', consuming: true, login, preview: ok.preview })
  expect(await pod.manage('/role')).toMatchObject({ login })
  expect(await pod.manage('/readyz')).toMatchObject({ ready: true, login: login.problem })
})
