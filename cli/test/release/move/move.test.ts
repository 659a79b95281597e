// What may go wrong around a move of several services, and what it leaves.
import { describe, expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import type { JournalStore } from '../../../src/release/ports/session.ts'
import { createShop, names, type Shop } from '../../fakes/shop.ts'
import { green, waiting } from '../../fakes/state.ts'
import { outcomes, type Ports, serves, type World } from '../../fakes/world.ts'

const away = failed({ code: 'cluster-unreachable', message: 'no answer within 4 s' })

/** Blue serves, green waits. */
function readyToSwitch(): Shop {
  return createShop({ initial: { order: waiting(), payment: waiting() } })
}

function switchAll(shop: Shop, ports: Partial<Ports> = {}) {
  return shop.switch({ skipSmoke: true, timeoutMs: 2_000 }, ports)
}

/** A journal whose end is written, and whose answer is lost the first time. */
function losingAnswers({ journal }: World): JournalStore {
  let ends = 0
  return {
    ...journal,
    async end(operation) {
      const ended = await journal.end(operation)
      ends += 1
      if (ends === 1) throw away
      return ended
    },
  }
}

describe('the driver reads ahead, before the state is read', () => {
  /** What is called first, and then next. */
  function noting({ driver, observer }: World): { ports: Partial<Ports>; calls: string[] } {
    const calls: string[] = []
    const prepare = (): void => void calls.push('prepare')
    const services = (): ReturnType<typeof observer.services> => {
      calls.push('observe')
      return observer.services()
    }
    return { ports: { driver: { ...driver, prepare }, observer: { ...observer, services } }, calls }
  }

  it.each([
    ['for a switch and a rollback', false, ['prepare', 'observe', 'prepare', 'observe']],
    ['but not for a rollback without git', true, ['prepare', 'observe', 'observe']],
  ])('%s', async (_, emergency, expected) => {
    const shop = readyToSwitch()
    const { ports, calls } = noting(shop.world)
    await switchAll(shop, ports)
    await shop.rollback({ emergency, reason: 'a test' }, ports)
    expect(calls).toEqual(expected)
  })
})

describe('a switch that took over', () => {
  const troubles: [string, (world: World) => Partial<Ports>][] = [
    [
      'the outgoing pods cannot be listed',
      ({ pods }) => ({
        pods: {
          ...pods,
          async list(service, target) {
            if (target.color === 'blue') throw away
            return pods.list(service, target)
          },
        },
      }),
    ],
    [
      'a preview Service was changed by somebody else',
      ({ driver, observer }) => ({
        observer: {
          ...observer,
          async pointer(service, which) {
            const found = await observer.pointer(service, which)
            return which === 'preview' && found ? { ...found, target: null } : found
          },
        },
        driver: {
          ...driver,
          async movePointers(moves, mover, signal) {
            if (moves.every(({ which }) => which === 'stable'))
              return driver.movePointers(moves, mover, signal)
            const reason = failed({ code: 'conflict', message: 'changed' })
            return moves.map(() => ({ status: 'rejected' as const, reason }))
          },
        },
      }),
    ],
  ]
  it.each(troubles)('stays where it is when %s', async (_, over) => {
    const shop = readyToSwitch()
    const { world } = shop
    expect(await switchAll(shop, over(world))).toMatchObject({ release: 'r-1' })
    for (const name of names) expect(serves(world, name, green)).toBe(true)
    expect(outcomes(world)).toEqual(['r-1 done'])
    expect(world.progress.lines.filter((line) => line.startsWith('!'))).not.toEqual([])
  })

  it('is recorded once when the answer to the record was lost', async () => {
    const shop = readyToSwitch()
    const { world } = shop
    const journal = losingAnswers(world)
    expect(await switchAll(shop, { journal })).toMatchObject({ release: 'r-1' })
    expect(outcomes(world)).toEqual(['r-1 done'])
    for (const name of names) expect(serves(world, name, green)).toBe(true)
  })

  it('serves on when it cannot be recorded, and says so', async () => {
    const shop = readyToSwitch()
    const { world } = shop
    const journal: JournalStore = {
      ...world.journal,
      async end() {
        throw away
      },
    }
    await expect(switchAll(shop, { journal })).rejects.toMatchObject({ code: 'not-recorded' })
    for (const name of names) expect(serves(world, name, green)).toBe(true)
    expect(world.state.journal.open?.release).toBe('r-1')
  })
})

it('a switch is put back after Ctrl-C, as long as the lock is held', async () => {
  const shop = readyToSwitch()
  const { world } = shop
  const user = new AbortController()
  const signals: Record<string, boolean> = {}
  const ports: Partial<Ports> = {
    signal: user.signal,
    pods: {
      ...world.pods,
      async awaitEndpoints() {
        user.abort()
        throw new Error('stopped')
      },
    },
    driver: {
      ...world.driver,
      movePointers(moves, mover, signal) {
        signals[mover] = signal.aborted
        return world.driver.movePointers(moves, mover, signal)
      },
    },
  }
  await expect(switchAll(shop, ports)).rejects.toThrow('stopped')
  expect(signals).toEqual({ switch: false, undo: false })
  expect(outcomes(world)).toEqual(['r-1 undone'])
})

describe('a switch that lost its lock', () => {
  it('writes no Service', async () => {
    const shop = readyToSwitch()
    const { world } = shop
    const journal: JournalStore = {
      ...world.journal,
      async begin(...intent) {
        await world.journal.begin(...intent)
        world.lock.lose()
      },
    }
    await expect(switchAll(shop, { journal })).rejects.toMatchObject({ code: 'lock-lost' })
    expect(world.log).toEqual([])
    expect(outcomes(world)).toEqual(['r-1 undone'])
  })

  it('puts nothing back that somebody else dealt with meanwhile', async () => {
    const shop = readyToSwitch()
    const { world } = shop
    const pods: World['pods'] = {
      ...world.pods,
      async awaitEndpoints() {
        world.state.journal.open = null
        world.state.journal.closed = []
        world.lock.lose()
        throw new Error('stopped')
      },
    }
    await expect(switchAll(shop, { pods })).rejects.toMatchObject({
      code: 'lock-lost',
      cause: { message: 'stopped' },
    })
    expect(world.log).toEqual(['point order stable green b', 'point payment stable green b'])
    expect(outcomes(world)).toEqual([])
  })

  it('does not say that it is done when somebody else has ended it', async () => {
    const shop = readyToSwitch()
    const { world } = shop
    const pods: World['pods'] = {
      ...world.pods,
      async awaitEndpoints(...args) {
        world.state.journal.open = null
        return world.pods.awaitEndpoints(...args)
      },
    }
    await expect(switchAll(shop, { pods })).rejects.toMatchObject({ code: 'overtaken' })
    expect(outcomes(world)).toEqual([])
  })
})

describe('a pod that is replaced while its slot takes over', () => {
  /** The pods of green are others from the second look on; the endpoints always were those. */
  const replaced = ({ pods }: World, which: 'stable' | 'preview'): Partial<Ports> => {
    let looks = 0
    return {
      pods: {
        ...pods,
        async list(name, target) {
          if (name !== 'order' || target.color !== 'green') return pods.list(name, target)
          looks += 1
          return looks === 1 ? ['order-green-b-old'] : pods.list(name, target)
        },
        async awaitEndpoints(name, asked, judge, options) {
          if (name !== 'order' || asked !== which)
            return pods.awaitEndpoints(name, asked, judge, options)
          return judge(await pods.list('order', green))
        },
      },
    }
  }

  it('does not make a switch late', async () => {
    const shop = readyToSwitch()
    expect(await switchAll(shop, replaced(shop.world, 'stable'))).toMatchObject({ release: 'r-1' })
  })

  it('does not fail a smoke test', async () => {
    const shop = readyToSwitch()
    const smoked = shop.smoke({ services: ['order'] }, replaced(shop.world, 'preview'))
    expect(await smoked).toMatchObject({ services: [{ name: 'order' }] })
  })
})

it('a copy of a pod, which consumes nothing, keeps no switch from being done', async () => {
  const shop = readyToSwitch()
  const { pods } = shop.world
  const withCopy = async (...[name, target]: Parameters<typeof pods.selected>) => [
    ...(await pods.selected(name, target)),
    'order-debug',
  ]
  const over: Partial<Ports> = {
    pods: {
      ...pods,
      selected: withCopy,
      awaitEndpoints: async (name, _, judge) => judge(await withCopy(name, green)),
    },
  }
  expect(await switchAll(shop, over)).toMatchObject({ release: 'r-1' })
})
