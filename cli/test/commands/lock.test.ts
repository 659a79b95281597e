// What lock and unlock print, and that a freeze is said before anybody is asked or waits.
import { beforeEach, describe, expect, it } from 'vitest'
import { cleanupCommand } from '../../src/commands/cleanup.ts'
import { deployCommand } from '../../src/commands/deploy.ts'
import { lockCommand, unlockCommand } from '../../src/commands/lock.ts'
import { releaseCommand } from '../../src/commands/release.ts'
import { switchCommand } from '../../src/commands/switch.ts'
import type { Context } from '../../src/context.ts'
import { createWorld, type World } from '../fakes/world.ts'
import { plain, widths, words } from './widths.ts'

let world: World

beforeEach(() => {
  world = createWorld(['order'])
})

const input = (reason: string) => ({ reason, lockWaitMs: null })
const context = () => ({ env: 'prod', cluster: async () => world })
const lock = {
  ...{ holder: 'me@here', run: null, reason: 'the database moves' },
  ...{ since: '2026-01-01T00:00:00Z', byHand: true },
}

it.each(widths)('says who has locked and how it ends, in %s columns', async (width) => {
  const { document, text, summary } = await lockCommand(context(), input(lock.reason))
  expect(document).toEqual({ version: 1, env: 'prod', lock })
  expect(summary).toBe('prod is locked')
  expect(words(plain(text, width))).toBe(
    'prod is locked by me@here since 2026-01-01T00:00:00Z, for: the database moves. Until `shopctl unlock --reason "…"`, nothing is changed here, and nothing is rolled back.',
  )
})

it.each(widths)('says what was ended, in %s columns', async (width) => {
  await lockCommand(context(), input(lock.reason))
  const { document, text, summary } = await unlockCommand(context(), input('done'))
  expect(document).toEqual({ version: 1, env: 'prod', ended: lock })
  expect(summary).toBe('prod is unlocked')
  expect(words(plain(text, width))).toBe(
    'prod is unlocked. It was locked by me@here since 2026-01-01T00:00:00Z, for: the database moves.',
  )
})

it('shows no reason that draws on the terminal', async () => {
  const { text } = await lockCommand(context(), input('one\u001b[2J\ntwo'))
  expect(plain(text)).toMatch(/for: one two\./)
})

describe('during a freeze', () => {
  const input = {
    ...{ reason: 'why', yes: false, lockWaitMs: 60_000, color: null, digests: null },
    ...{
      skipSmoke: false,
      despiteAlerts: false,
      timeoutMs: 1,
      deployTimeoutMs: 1,
      dryRun: false,
      pauseBefore: false,
      probe: true,
      now: false,
      watchMs: null,
      json: false,
    },
  }
  const freezes = [{ from: '2026-01-01', to: '2026-01-31', reason: 'stocktaking' }]
  /** A protected environment, of which nobody may read anything. */
  const frozen = () => {
    const nothing = () => {
      throw new Error('asked for')
    }
    return {
      ...{
        env: 'prod',
        services: ['order'],
        chosen: null,
        environment: { freezes, protected: true },
      },
      ...{ clock: world.clock, progress: world.progress, cluster: nothing, builder: nothing },
      ...{ tree: nothing },
    } as unknown as Context
  }
  const commands = { deployCommand, switchCommand, cleanupCommand, releaseCommand }

  it.each(Object.entries(commands))('%s is refused at once', async (_, command) => {
    const refused = command(frozen(), { ...input, overrideFreeze: false })
    await expect(refused).rejects.toMatchObject({ code: 'frozen', exitCode: 2 })
  })

  it.each(Object.entries(commands))('%s that overrides it asks as ever', async (_, command) => {
    const asked = command(frozen(), { ...input, overrideFreeze: true })
    await expect(asked).rejects.toMatchObject({ code: 'not-confirmed' })
  })
})
