// A service that knows nothing of shopctl: HTTP alone.
import { describe, expect, it } from 'vitest'
import { readStatus } from '../../../src/inspect/status.ts'
import { recycledText } from '../../../src/release/move/recycle.ts'
import { aFullConfig, managementText } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'
import { outcomes } from '../../fakes/world.ts'

/** `payment` is HTTP alone; blue serves, and green waits. */
async function aPlainShop(more = ''): Promise<Shop> {
  const payment = '    smoke: payment/smoke.ts'
  const config = aFullConfig((text) => text.replace(`${payment}${managementText}`, more))
  const shop = createShop({ config })
  shop.world.faults.plain.add('payment')
  await shop.release()
  shop.commit('b', ['payment'])
  await shop.deploy({ services: ['payment'] })
  return shop
}

describe('its smoke test', () => {
  it('is a GET of its health path', async () => {
    const shop = await aPlainShop()
    shop.world.asked.length = 0
    expect(await shop.smoke()).toMatchObject({ services: [{ name: 'payment', color: 'green' }] })
    expect(shop.world.asked).toEqual(['http://127.0.0.1:1/payment-preview/healthz'])
    expect(shop.world.programs.scripts.at(-1)?.file).toBe('smoke.ts')
  })

  it('is a GET of the path that shopctl.yaml names', async () => {
    const shop = await aPlainShop('    health: /up')
    shop.world.asked.length = 0
    await shop.smoke()
    expect(shop.world.asked).toEqual(['http://127.0.0.1:1/payment-preview/up'])
  })

  it.each([
    [503, /^GET \/healthz of payment green failed: 503\.$/],
    [404, /: 404\.$/],
    ['socket hang up', /: socket hang up\.$/],
  ])('fails at %s', async (answer, message) => {
    const shop = await aPlainShop()
    shop.world.answers['http://127.0.0.1:1/payment-preview/healthz'] = answer
    await expect(shop.smoke()).rejects.toMatchObject({
      code: 'smoke-failed',
      exitCode: 1,
      message: expect.stringMatching(message),
    })
    expect(outcomes(shop.world).at(-1)).toMatch(/failed$/)
    expect(shop.world.ways.size).toBe(0)
  })

  it('passes at a redirection', async () => {
    const shop = await aPlainShop()
    shop.world.answers['http://127.0.0.1:1/payment-preview/healthz'] = 302
    await shop.smoke()
  })
})

describe('its switch', () => {
  it('proves the endpoints, knows of no events, and restarts the slot that served', async () => {
    const shop = await aPlainShop()
    await shop.smoke()
    const { version } = shop.world.state.services.payment?.slots.blue ?? {}
    expect(await shop.switch()).toMatchObject({
      services: [
        {
          name: 'payment',
          endpointsMs: expect.any(Number),
          consumersMs: null,
          epoch: null,
          recycled: { drained: 2, killed: 0, unknown: 0 },
        },
      ],
    })
    expect(shop.world.log.at(-1)).toBe('restart payment-blue')
    expect(shop.world.progress.lines).toContain(`restart payment blue ${version}`)
    expect(shop.world.state.journal.closed.at(-1)?.services[0]?.proof).toMatchObject({
      consumersMs: null,
      epoch: null,
      recycled: expect.stringMatching(/^2 drained in \d/),
    })
    expect(shop.world.state.journal.closed.at(-1)?.phases.at(-1)?.name).toBe('restart')
    const { services } = await readStatus(shop.world, 'local', null)
    expect(services.payment).toMatchObject({ active: 'green', epoch: null })
  })

  it('is done when the restart of the slot that served cannot be recorded', async () => {
    const shop = await aPlainShop()
    const amend = () => Promise.reject(new Error('no answer'))
    const journal = { ...shop.world.journal, amend }
    expect(await shop.switch({ skipSmoke: true }, { journal })).toMatchObject({ release: 'r-2' })
    expect(outcomes(shop.world).at(-1)).toBe('r-2 done')
    expect(shop.world.progress.lines).toContain(
      '! The restart of the old slots is not recorded: no answer',
    )
  })

  it.each([
    [0, { drained: 2, killed: 0, unknown: 0 }],
    [137, { drained: 0, killed: 2, unknown: 0 }],
    [null, { drained: 0, killed: 0, unknown: 2 }],
  ])('tells from exit code %s how its pods ended', async (code, expected) => {
    const shop = await aPlainShop()
    shop.world.faults.exitCodes.payment = code
    const { services } = await shop.switch({ skipSmoke: true })
    expect(services[0]?.recycled).toMatchObject(expected)
  })

  it('restarts nothing where shopctl.yaml says so, and nothing that follows its Service', async () => {
    const shop = await aPlainShop('    recycle: false')
    expect(await shop.switch({ skipSmoke: true })).toMatchObject({ services: [{ recycled: null }] })
    shop.commit('c', ['order'])
    await shop.deploy({ services: ['order'] })
    expect(await shop.switch({ skipSmoke: true })).toMatchObject({ services: [{ recycled: null }] })
    expect(shop.world.log.join('\n')).not.toContain('restart')
  })

  it('is done although the slot that served cannot be restarted', async () => {
    const shop = await aPlainShop()
    const driver = {
      ...shop.world.driver,
      async restartSlot() {
        throw new Error('no answer')
      },
    }
    expect(await shop.switch({ skipSmoke: true }, { driver })).toMatchObject({
      services: [{ recycled: null }],
    })
    expect(outcomes(shop.world).at(-1)).toBe('r-2 done')
    expect(shop.world.progress.lines.at(-1)).toMatch(/^! payment: .*was not restarted.*no answer/)
  })

  it('reports the restart although the end of the pods cannot be watched', async () => {
    const shop = await aPlainShop()
    const pods = {
      ...shop.world.pods,
      async awaitEnd() {
        throw new Error('no answer')
      },
    }
    expect(await shop.switch({ skipSmoke: true }, { pods })).toMatchObject({
      services: [{ recycled: { drained: 0, killed: 0, unknown: 2 } }],
    })
    expect(shop.world.log.at(-1)).toBe('restart payment-blue')
    expect(shop.world.progress.lines.at(-1)).toBe(
      '! payment: the old slot was restarted, but its end was not watched: no answer',
    )
  })

  it('is rolled back in the same way', async () => {
    const shop = await aPlainShop()
    await shop.switch({ skipSmoke: true })
    expect(await shop.rollback()).toMatchObject({
      services: [{ name: 'payment', epoch: null, recycled: { drained: 2 } }],
    })
    expect(shop.world.log.at(-1)).toBe('restart payment-green')
  })
})

it('says how the pods of a restarted slot ended', () => {
  const tookMs = 1_900
  expect(recycledText({ tookMs, drained: 1, killed: 0, unknown: 0 })).toBe('1 drained in 1.9 s')
  expect(recycledText({ tookMs, drained: 1, killed: 2, unknown: 3 })).toBe(
    '1 drained, 2 killed with open connections, 3 not seen to end in 1.9 s',
  )
})
