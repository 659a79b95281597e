// What a deploy says before it writes over something, and after it was stopped in the middle.
import { describe, expect, it } from 'vitest'
import { interrupted } from '../../../src/errors.ts'
import { createShop, dyingJournal, releasedTwice } from '../../fakes/shop.ts'

const lost = 'deploy writes over order blue 1a2b3c4d (r-1), the target of `shopctl rollback`'

describe('a deploy over the slot that a rollback would go back to', () => {
  it.each(['deploy', 'release'] as const)(
    'is said by %s before anything is written',
    async (verb) => {
      const shop = await releasedTwice()
      const { world } = shop
      shop.commit('c', ['order'])
      const before = world.log.length
      const note = (line: string) => {
        world.progress.note(line)
        if (line === lost) expect(world.log).toHaveLength(before)
      }
      await shop[verb]({}, { progress: { ...world.progress, note } })
      expect(world.progress.lines.filter((line) => line === lost)).toHaveLength(1)
      expect(world.progress.lines).not.toContainEqual(expect.stringContaining('over payment'))
    },
  )

  it('is not said where there is none: before the second release, and after a rollback', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    await shop.release()
    await shop.rollback()
    shop.commit('c')
    await shop.deploy()
    expect(shop.world.progress.lines.join()).not.toContain('target of')
  })

  it('is said by cleanup, too', async () => {
    const shop = await releasedTwice()
    await shop.cleanup(['order'])
    expect(shop.world.progress.lines).toContain(
      'cleanup deletes order blue 1a2b3c4d (r-1), the target of `shopctl rollback`',
    )
  })
})

describe('a deploy that is stopped', () => {
  it.each(['deploy', 'release'] as const)('by Ctrl-C: %s says what to do', async (verb) => {
    const shop = await releasedTwice()
    const { world } = shop
    shop.commit('c')
    const stop = new AbortController()
    const driver = {
      ...world.driver,
      async writeSlots(...args: Parameters<typeof world.driver.writeSlots>) {
        const written = await world.driver.writeSlots(...args)
        stop.abort()
        return written
      },
    }
    await expect(shop[verb]({}, { driver, signal: stop.signal })).rejects.toMatchObject({
      exitCode: 130,
      message: 'Interrupted.',
      hint: `The same slots are live as before. order blue, payment blue may be incomplete: \`shopctl ${verb} --service order,payment\` completes it, \`shopctl cleanup --service order,payment\` deletes it. The target of \`shopctl rollback\` is written over; \`shopctl deploy\` in the work tree of what is live puts it back.`,
    })
    expect(world.state.journal.closed.at(-1)?.outcome).toBe('interrupted')
  })

  it('by a kill, when all was written, is no longer open after the next one', async () => {
    const shop = await releasedTwice()
    shop.commit('c', ['order'])
    await shop.deploy({}, { journal: dyingJournal(shop.world) }).catch(() => {})
    expect(shop.world.state.journal.open).toMatchObject({ verb: 'deploy' })
    await shop.deploy()
    expect(shop.world.state.journal.open).toBeNull()
    expect(shop.world.state.journal.closed.at(-1)).toMatchObject({ outcome: 'interrupted' })
  })

  it('by a failure says what it takes to go back', async () => {
    const shop = await releasedTwice()
    shop.commit('c', ['order'])
    shop.world.faults.rollout.order = {
      pods: [],
      job: { succeeded: false, failed: true, pods: [], complaints: [] },
    }
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'slot-broken',
      hint: expect.stringMatching(
        /Fix the cause.* `shopctl deploy` in the work tree of what is live puts it back\.$/,
      ),
    })
  })

  it('says in a release what is on standby when the smoke test is stopped', async () => {
    const shop = createShop()
    const programs = {
      ...shop.world.programs,
      async script(): Promise<never> {
        throw interrupted()
      },
    }
    await expect(shop.release({}, { programs })).rejects.toMatchObject({
      exitCode: 130,
      hint: 'order blue, payment blue is deployed and not live. `shopctl release --service order,payment` goes on, `shopctl cleanup --service order,payment` deletes it.',
    })
  })
})
