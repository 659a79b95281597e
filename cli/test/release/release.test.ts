// A release is build, push, deploy, smoke and switch, one after the other under one lock.
import { describe, expect, it } from 'vitest'
import type { Programs } from '../../src/release/ports/project.ts'
import { createShop, names } from '../fakes/shop.ts'
import { outcomes, previewOf } from '../fakes/world.ts'

describe('a release', () => {
  it('goes to the standby, is tested there, and goes live in one move', async () => {
    const { world, release, commit, live } = createShop()
    expect(await release()).toMatchObject({
      built: [{ from: 'built' }, { from: 'built' }],
      pushed: [{ sent: true }, { sent: true }],
      deployed: names.map((service) => ({ service, color: 'blue', action: 'upgrade' })),
      moved: {
        release: 'r-1',
        services: [
          { name: 'order', epoch: 1 },
          { name: 'payment', epoch: 1 },
        ],
      },
    })
    commit('b')
    expect(await release()).toMatchObject({
      moved: { release: 'r-2', services: [{ epoch: 2 }, { epoch: 2 }] },
    })
    for (const name of names) {
      expect(live(name)).toBe('green bbbbbbbb')
      expect(world.state.services[name]?.slots.blue?.version).toBe('1a2b3c4d')
      expect(previewOf(world, name)?.color).toBe('green')
    }
    expect(world.state.journal).toMatchObject({
      open: null,
      counter: { operation: 6, release: 2 },
    })
    expect(world.state.journal.closed.map(({ verb, release }) => `${verb} ${release}`)).toEqual([
      ...['deploy null', 'smoke null', 'switch r-1'],
      ...['deploy null', 'smoke null', 'switch r-2'],
    ])
  })

  it('of one service leaves the other where it is', async () => {
    const { release, commit, live } = createShop()
    await release()
    commit('b', ['payment'])
    await release({ services: ['payment'] })
    expect(live('order')).toBe('blue 1a2b3c4d')
    expect(live('payment')).toBe('green bbbbbbbb')
  })

  it('leaves alone what serves already', async () => {
    const { world, release, commit } = createShop()
    await release()
    commit('b', ['payment'])
    const { deployed, moved } = await release()
    expect(deployed.map(({ action }) => action)).toEqual(['live', 'upgrade'])
    expect(moved?.services.map(({ name }) => name)).toEqual(['payment'])
    const before = outcomes(world)
    expect(await release()).toMatchObject({ moved: null })
    expect(outcomes(world)).toEqual(before)
  })

  it('tests exactly what it makes live', async () => {
    const { world, release, commit } = createShop()
    await release()
    commit('b', ['payment'])
    await release({ services: ['payment'] })
    const { order, payment } = world.state.services
    const tested = world.state.journal.closed.findLast(({ verb }) => verb === 'smoke')
    expect(tested?.combination).toMatchObject({
      order: { revision: order?.slots.blue?.revision },
      payment: { revision: payment?.slots.green?.revision },
    })
  })

  it('switches nothing when the smoke test fails', async () => {
    const { world, release, commit, live } = createShop()
    await release()
    commit('b')
    world.programs.failing.add('smoke.ts')
    await expect(release()).rejects.toMatchObject({ code: 'smoke-failed', exitCode: 1 })
    for (const name of names) expect(live(name)).toBe('blue 1a2b3c4d')
  })

  it('has failed, not been refused, when its switch is refused after the deploy', async () => {
    const { world, release } = createShop()
    const programs: Programs = {
      ...world.programs,
      async script(file, env, signal) {
        world.broker.has.bindings = []
        return world.programs.script(file, env, signal)
      },
    }
    await expect(release({}, { programs })).rejects.toMatchObject({
      code: 'broker-differs',
      exitCode: 1,
    })
  })

  it('may leave the smoke test out', async () => {
    const { world, release } = createShop()
    await release({ skipSmoke: true, reason: 'it burns' })
    expect(world.programs.scripts).toEqual([])
    expect(world.state.journal.closed).toMatchObject([
      { verb: 'deploy', reason: 'it burns' },
      { verb: 'switch', reason: 'it burns' },
    ])
  })

  it('builds and pushes before it asks for the lock, and holds one to the end', async () => {
    const { world, release } = createShop()
    const reasons: string[] = []
    const lock = {
      ...world.lock,
      async acquire(reason: string) {
        reasons.push(`${reason} after ${world.engine.sent.length} pushes`)
        return world.lock.acquire(reason)
      },
    }
    await release({}, { lock })
    expect(reasons).toEqual(['release of order, payment after 2 pushes'])
    expect(await world.lock.lockHolder()).toBeNull()
  })

  it('switches nothing when its lock is lost while it deploys', async () => {
    const { world, release, live } = createShop()
    const pods = {
      ...world.pods,
      async awaitRollout(...args: Parameters<typeof world.pods.awaitRollout>) {
        world.lock.lose()
        return world.pods.awaitRollout(...args)
      },
    } as typeof world.pods
    await expect(release({}, { pods })).rejects.toMatchObject({ code: 'lock-lost' })
    expect(live('order')).toBeNull()
    expect(outcomes(world)).toEqual(['op-1 interrupted'])
  })
})
