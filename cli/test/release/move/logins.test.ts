// A slot that cannot log in is no target of a move, however ready its open connections look.
import { describe, expect, it } from 'vitest'
import { statusText } from '../../../src/commands/status.ts'
import { readStatus } from '../../../src/inspect/status.ts'
import { findNoLogin } from '../../../src/release/move/logins.ts'
import type { Login } from '../../../src/release/ports/cluster.ts'
import { sideOf } from '../../../src/release/slot.ts'
import { usingSecret } from '../../fakes/contents.ts'
import { createShop, dyingDriver, dyingJournal, type Shop } from '../../fakes/shop.ts'
import { outcomes } from '../../fakes/world.ts'

const refused: Login = {
  state: 'refused',
  problem: 'database: password authentication failed for user "order"',
}
const away: Login = { state: 'unreachable', problem: 'database: connect ECONNREFUSED' }

/** Order uses a Secret. Green is live, blue on standby. */
async function twice(): Promise<Shop> {
  const shop = createShop()
  shop.world.charts.faults.order = usingSecret('order')
  await shop.release()
  shop.commit('b')
  await shop.release()
  return shop
}

function notes({ world }: Shop): string {
  return world.progress.lines.join('\n')
}

describe('rollback', () => {
  it('refuses a slot whose credential is no longer valid, and names the reason and the way', async () => {
    const shop = await twice()
    shop.world.faults.logins['order-blue'] = refused
    const before = [...shop.world.log]
    await expect(shop.rollback()).rejects.toMatchObject({
      code: 'no-login',
      exitCode: 2,
      message: `order blue cannot log in: ${refused.problem}. Only open connections still work.`,
      hint: expect.stringContaining('`shopctl rollback --to r-1 --service order,payment`'),
    })
    expect(shop.world.log).toEqual(before)
    expect(outcomes(shop.world).at(-1)).toBe('r-2 done')
  })

  it('goes that way: deploys the earlier image with the present Secret, and goes back as one', async () => {
    const shop = await twice()
    const { world } = shop
    const { digest } = world.state.services.order?.slots.blue ?? {}
    world.faults.logins['order-blue'] = refused
    world.secrets.order = { ...world.secrets.order, url: 'new' }
    const move = shop.rollback({ to: 'r-1' })
    // The pods with the new Secret can log in.
    world.driver.writeSlots = new Proxy(world.driver.writeSlots, {
      apply(write, self, args) {
        delete world.faults.logins['order-blue']
        return Reflect.apply(write, self, args)
      },
    })
    expect((await move).services.map(({ name, to }) => `${name} ${to?.color}`)).toEqual([
      'payment blue',
      'order blue',
    ])
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(world.state.services.order?.slots.blue?.digest).toBe(digest)
    expect(outcomes(world).slice(-2)).toEqual(['op-7 done', 'r-3 done'])
    const copies = Object.values(world.contents.copies)
    const present = Buffer.from('new').toString('base64')
    expect(copies.find(({ color }) => color === 'blue')?.content.data.url).toBe(present)
  })

  it('has nothing to go back to when only the Secret has changed since', async () => {
    const shop = createShop()
    const { world } = shop
    world.charts.faults.order = usingSecret('order')
    await shop.release({ services: ['order'] })
    world.secrets.order = { ...world.secrets.order, url: 'new' }
    await shop.release({ services: ['order'] })
    world.faults.logins['order-blue'] = refused
    const hint = expect.stringMatching(/^Its image is live already, with the present Secret/)
    await expect(shop.rollback()).rejects.toMatchObject({ code: 'no-login', exitCode: 2, hint })
    const again = shop.rollback({ to: 'r-1', services: ['order'] })
    await expect(again).rejects.toMatchObject({ code: 'nothing-to-roll-back', exitCode: 2 })
    expect(shop.live('order')).toBe('green 1a2b3c4d')
    expect(outcomes(world).at(-1)).toBe('r-2 done')
  })

  it('with --to deploys a slot that was cleaned up, without its migrations', async () => {
    const shop = await twice()
    await shop.cleanup()
    await expect(shop.rollback()).rejects.toMatchObject({
      code: 'slot-gone',
      hint: expect.stringContaining('rollback --to r-1 --service order,payment'),
    })
    await shop.rollback({ to: 'r-1', services: ['payment'] })
    expect(shop.live('payment')).toBe('blue 1a2b3c4d')
    expect(shop.live('order')).toBe('green bbbbbbbb')
    expect(shop.world.driver.writes.at(-1)?.values.shopctl).not.toHaveProperty('migrate')
  })

  it('with --to is refused while the present Secret is the same', async () => {
    const shop = await twice()
    shop.world.faults.logins['order-blue'] = refused
    await expect(shop.rollback({ to: 'r-1' })).rejects.toMatchObject({
      code: 'no-login',
      exitCode: 2,
      hint: expect.stringContaining('Correct its Secret'),
    })
    expect(shop.live('order')).toBe('green bbbbbbbb')
    expect(shop.live('payment')).toBe('green bbbbbbbb')
  })

  it('with --to refuses an image that the registry no longer has', async () => {
    const shop = await twice()
    await shop.cleanup()
    shop.world.engine.tags.clear()
    await expect(shop.rollback({ to: 'r-1' })).rejects.toMatchObject({
      code: 'image-gone',
      exitCode: 2,
    })
    expect(shop.live('order')).toBe('green bbbbbbbb')
  })

  it.each([away, refused])(
    'goes on while neither slot can log in, and says so: %o',
    async (login) => {
      const shop = await twice()
      shop.world.faults.logins = { 'order-blue': login, 'order-green': login }
      await shop.rollback()
      expect(shop.live('order')).toBe('blue 1a2b3c4d')
      expect(notes(shop)).toContain(`! order blue cannot log in now: ${login.problem}`)
    },
  )

  it('goes on when a pod is slow once, and the others can log in', async () => {
    const shop = await twice()
    const [pod = ''] = await shop.world.pods.list('order', {
      color: 'blue',
      revision: shop.world.state.services.order?.slots.blue?.revision ?? '',
    })
    shop.world.faults.logins[pod] = away
    await shop.rollback()
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('goes on when the pods cannot be listed for it', async () => {
    const shop = await twice()
    shop.world.faults.logins['order-blue'] = refused
    const { pods, progress } = shop.world
    const [from, to] = (['green', 'blue'] as const).map((color) => {
      const slot = shop.world.state.services.order?.slots[color]
      if (!slot) throw new Error(`there is no ${color}`)
      return sideOf(slot)
    })
    const list = () => Promise.reject(new Error('forbidden'))
    const moves = [{ name: 'order', from: from ?? null, to: to ?? null }]
    expect(await findNoLogin({ pods: { ...pods, list }, progress }, moves)).toEqual({})
    expect(await findNoLogin({ pods, progress }, moves)).toEqual({ 'order-blue': refused.problem })
  })

  it('refuses a slot that alone cannot reach the server', async () => {
    const shop = await twice()
    shop.world.faults.logins['order-blue'] = away
    await expect(shop.rollback()).rejects.toMatchObject({ code: 'no-login', exitCode: 2 })
  })

  it('asks nothing of pods that report nothing', async () => {
    const shop = await twice()
    shop.world.faults.plain.add('order')
    shop.world.faults.logins['order-blue'] = refused
    await shop.rollback()
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('leaves a service of an interrupted switch where it is, and is not blocked by it', async () => {
    const shop = await twice()
    const { world } = shop
    shop.commit('c')
    await shop.deploy()
    const killed = { driver: dyingDriver(world, 2), journal: dyingJournal(world) }
    await shop.switch({ skipSmoke: true }, killed).catch(() => {})
    world.faults.logins['order-green'] = refused
    await shop.rollback()
    expect(shop.live('order')).toBe('blue cccccccc')
    expect(shop.live('payment')).toBe('green bbbbbbbb')
    expect(notes(shop)).toMatch(
      /! order stays live on blue \(cccccccc\)\. order green cannot log in/,
    )
  })
})

it('switch refuses a slot that cannot log in', async () => {
  const shop = await twice()
  shop.commit('c')
  await shop.deploy()
  await shop.smoke()
  shop.world.faults.logins['order-blue'] = refused
  await expect(shop.switch()).rejects.toMatchObject({
    code: 'no-login',
    exitCode: 2,
    hint: expect.stringContaining('shopctl release --service order'),
  })
  expect(shop.live('order')).toBe('green bbbbbbbb')
})

it('status names the slots that cannot log in, and in which plane', async () => {
  const shop = await twice()
  shop.world.faults.logins['order-blue'] = refused
  await expect(shop.rollback()).rejects.toMatchObject({ code: 'no-login' })
  const status = await readStatus(shop.world, 'local', null)
  expect(status.services.order?.slots).toMatchObject({
    blue: { login: { state: 'refused', problem: `live plane: ${refused.problem}` } },
    green: { login: { state: 'ok', problem: null } },
  })
  expect(statusText(status, 200)).toContain(
    `order blue cannot log in, refused: live plane: ${refused.problem}`,
  )
})
