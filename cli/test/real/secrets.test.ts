// Changed credentials: released through the standby, and rolled back only while the old ones are valid.
import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { settle, startShoppers } from '../../../services/shop/shoppers.ts'
import { psql } from './database.ts'
import {
  copyTree,
  edgeUrl,
  kubectl,
  kubectlOk,
  other,
  type Status,
  secretValue,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
  until,
} from './shop.ts'

function aPassword(): string {
  return randomBytes(12).toString('hex')
}

async function setSecret(name: string, key: string, value: string): Promise<void> {
  const data = { [key]: Buffer.from(value).toString('base64') }
  await kubectlOk('patch', 'secret', name, `--patch=${JSON.stringify({ data })}`)
}

async function setUrl(service: string, key: string, change: Partial<URL>): Promise<void> {
  const url = new URL(await secretValue(service, key))
  // Without the slash that URL adds to an empty path.
  const href = Object.assign(url, change).href.replace(/\/$/, '')
  await setSecret(service, key, href)
}

/** As an administrator does it: in the server, in its own Secret, and in that of the service. */
async function changeDatabasePassword(service: string): Promise<void> {
  const password = aPassword()
  await psql('postgres', `ALTER ROLE "${service}" PASSWORD '${password}'`)
  await setSecret('postgres', service, password)
  await setUrl(service, 'database-url', { password })
}

async function changeBrokerPassword(service: string): Promise<void> {
  const password = aPassword()
  const run = ['exec', 'rabbitmq-0', '--container=rabbitmq', '--', 'rabbitmqctl']
  await kubectlOk(...run, 'change_password', service, password)
  await setSecret('rabbitmq', service, password)
  await setUrl(service, 'amqp-url', { password })
}

async function colorOf(service: string): Promise<'blue' | 'green'> {
  return (await status()).services[service]?.active ?? 'blue'
}

type WithLogins = Record<string, { slots: Record<string, { login: { state: string } } | null> }>

async function loginOf(service: string, color: string): Promise<string | undefined> {
  const { services } = await shopctlJson<{ services: WithLogins }>(['status'])
  return services[service]?.slots[color]?.login.state
}

/** The slot's copies of Secrets, sorted. */
async function copies(service: string): Promise<string[]> {
  const selector = `app.kubernetes.io/managed-by=shopctl,app.kubernetes.io/name=${service}`
  const names = await kubectlOk('get', 'secrets', `--selector=${selector}`, '--output=name')
  return names.trim().split('\n').filter(Boolean).sort()
}

/** The Secret that the pods of a slot read. */
function usedSecret(service: string, color: string): Promise<string> {
  const path =
    '{.spec.template.spec.containers[0].env[?(@.name=="DATABASE_URL")].valueFrom.secretKeyRef.name}'
  return kubectlOk('get', 'deployment', `${service}-${color}`, `--output=jsonpath=${path}`)
}

async function changesOf(service: string): Promise<string[] | undefined> {
  const plan = ['plan', '--service', service]
  const { services } = await shopctlJson<{ services: { changes: string[] }[] }>(plan)
  return services[0]?.changes
}

/** What a refused rollback says has to be run instead. */
function wayBack(stderr: string): string[] {
  const [, command = ''] = /`shopctl (rollback --to [^`]+)`/.exec(stderr) ?? []
  return command.split(' ')
}

describe('a changed credential', { timeout: 240_000 }, () => {
  let tree: Tree
  beforeAll(async () => {
    // Whatever an earlier test left.
    await shopctlOk(['release'])
    tree = await copyTree()
    return () => tree.remove()
  })

  test('whose old one stays valid is released, rolled back and released again, without a failed request', async () => {
    const [user, password] = ['postgres', await secretValue('postgres', 'admin')]
    const old = new URL(await secretValue('order', 'database-url'))
    // About ten orders a second, as elsewhere: more would only slow down the releases.
    const shoppers = startShoppers(edgeUrl, { clients: 2 })
    try {
      expect(await changesOf('order')).toEqual([])
      const before = await colorOf('order')
      // Two users in turn: the other one may log in to every database.
      await setUrl('order', 'database-url', { username: user, password })
      expect(await changesOf('order')).toEqual(['secrets'])
      const { stderr } = await shopctlOk(['release', '--service', 'order'])
      expect(stderr).toContain(
        'order: its Secrets or ConfigMaps changed since its live slot was deployed',
      )
      expect(await colorOf('order')).toBe(other(before))
      expect(await usedSecret('order', before)).not.toBe(await usedSecret('order', other(before)))
      await shopctlOk(['rollback'])
      expect(await colorOf('order')).toBe(before)
      await setUrl('order', 'database-url', { username: old.username, password: old.password })
      // The very Secret of the live slot again.
      expect(await changesOf('order')).toEqual([])
      const { stdout } = await shopctlOk(['release', '--service', 'order'])
      expect(stdout).toMatch(/already live/)
    } finally {
      await shoppers.stop()
    }
    expect(shoppers.exchanges.filter(({ status: code }) => code === 0 || code >= 400)).toEqual([])
    await settle(edgeUrl, shoppers.placed)
  })

  test('whose old one is refused is released; a rollback says why it cannot go, and what remains works', async () => {
    const before = await colorOf('order')
    const { version } = (await status()).services.order?.slots[before] ?? {}
    await changeDatabasePassword('order')
    const restart = await kubectl('rollout', 'restart', `deployment/order-${before}`)
    expect(restart.stderr).toContain('shopctl release --service order')
    await tree.append('services/order/main.ts', '\n// the next version\n')
    await shopctlOk(['release', '--service', 'order'], { cwd: tree.dir })
    const { release, services } = await status()
    expect(services.order?.active).toBe(other(before))
    // On its pooled connections the old slot looks ready.
    expect(services.order?.slots[before]).toMatchObject({ replicas: 2, ready: 2 })

    const { exitCode, stderr } = await shopctl(['rollback'])
    expect(stderr).toMatch(
      new RegExp(`order ${before} cannot log in: database: password authentication failed`),
    )
    expect(exitCode).toBe(2)
    expect((await status()).release).toBe(release)
    expect(await loginOf('order', before)).toBe('refused')
    expect((await shopctlOk(['status'])).stdout).toContain(`order ${before} cannot log in, refused`)

    await shopctlOk(wayBack(stderr))
    expect(await colorOf('order')).toBe(before)
    expect((await status()).services.order?.slots[before]?.version).toBe(version)
    await until(
      'its pods report their logins',
      async () => (await loginOf('order', before)) === 'ok',
    )
    const shoppers = startShoppers(edgeUrl)
    await until('orders are placed', () => shoppers.placed.length > 10)
    await shoppers.stop()
    const orders = await settle(edgeUrl, shoppers.placed)
    expect(orders.filter(({ status: end }) => end === 'confirmed')).toHaveLength(orders.length)
  })

  test('of the broker is the same', async () => {
    const before = await colorOf('payment')
    await changeBrokerPassword('payment')
    await shopctlOk(['release', '--service', 'payment'])
    expect(await colorOf('payment')).toBe(other(before))
    const { exitCode, stderr } = await shopctl(['rollback'])
    expect(stderr).toMatch(new RegExp(`payment ${before} cannot log in: broker: .*REFUSED`))
    // The image is the same: there is nothing else to go back to.
    expect(stderr).toContain('Its image is live already, with the present Secret')
    expect(exitCode).toBe(2)
    expect(await colorOf('payment')).toBe(other(before))
  })

  test('that the server does not know refuses the switch, and what is live goes on', async () => {
    const before: Status = await status()
    const password = new URL(await secretValue('inventory', 'database-url')).password
    await psql('postgres', `ALTER ROLE inventory PASSWORD '${aPassword()}'`)
    try {
      await setUrl('inventory', 'database-url', { password: `${password}x` })
      const released = ['release', '--service', 'inventory', '--deploy-timeout', '20']
      const { exitCode, stderr } = await shopctl(released)
      expect(stderr).toContain('password authentication failed for user \\"inventory\\"')
      expect(exitCode).toBe(1)
      expect((await status()).services.inventory?.active).toBe(before.services.inventory?.active)
    } finally {
      await psql('postgres', `ALTER ROLE inventory PASSWORD '${password}'`)
      await setUrl('inventory', 'database-url', { password })
    }
    await shopctlOk(['cleanup', '--service', 'inventory'])
  })
})

describe('the copies of a Secret', { timeout: 120_000 }, () => {
  test('keep a slot alive whose Secret was deleted, and are deleted with the slot', async () => {
    await shopctlOk(['cleanup'])
    const color = await colorOf('payment')
    const used = await usedSecret('payment', color)
    expect(used).toMatch(new RegExp(`^payment-${color}-[0-9a-f]{16}$`))
    // The ReplicaSet before may still name one.
    const left = await copies('payment')
    expect(left).toContain(`secret/${used}`)
    expect(left.filter((name) => !name.startsWith(`secret/payment-${color}-`))).toEqual([])
    const { exitCode } = await kubectl('patch', 'secret', used, '--patch={"data":{"a":"Yg=="}}')
    expect(exitCode).not.toBe(0)

    const kept = await kubectlOk('get', 'secret', 'payment', '--output=json')
    await kubectlOk('delete', 'secret', 'payment')
    const labels = `app.kubernetes.io/name=payment,shopctl.dev/color=${color}`
    const pods = await kubectlOk('get', 'pods', `--selector=${labels}`, '--output=name')
    await kubectlOk('delete', pods.trim().split('\n')[0] ?? '')
    await until('the new pod is ready', async () => {
      const { services } = await status()
      return services.payment?.slots[color]?.ready === 2
    })
    // It is made again with the same content, from shopctl.yaml.
    const { stdout } = await shopctlOk(['release', '--service', 'payment'])
    expect(stdout).toMatch(/already live/)
    const { data } = JSON.parse(kept) as { data: Record<string, string> }
    const made = await kubectlOk('get', 'secret', 'payment', '--output=jsonpath={.data}')
    expect(JSON.parse(made)).toEqual(data)
    expect(await copies('payment')).toEqual(left)
  })

  test('have no password in a Helm release', async () => {
    const password = new URL(await secretValue('order', 'database-url')).password
    const color = await colorOf('order')
    const { stdout } = await kubectl('get', 'deployment', `order-${color}`, '--output=yaml')
    expect(stdout).toContain(await usedSecret('order', color))
    expect(stdout).not.toContain(password)
  })
})
