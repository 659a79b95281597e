// What lock and unlock print.
import { beforeEach, expect, it } from 'vitest'
import { lockCommand, unlockCommand } from '../../src/commands/lock.ts'
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
