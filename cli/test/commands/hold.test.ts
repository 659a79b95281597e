// What hold, hold release and a rollback print.
import { expect, it } from 'vitest'
import { historyText, operationText } from '../../src/commands/history.ts'
import { holdCommand, holdReleaseCommand } from '../../src/commands/hold.ts'
import { movedResult } from '../../src/commands/moved.ts'
import { undoOf } from '../../src/inspect/undo.ts'
import { heldDigests } from '../../src/release/hold/held.ts'
import { releasedTwice, type Shop } from '../fakes/shop.ts'
import { plain, widths, words } from './widths.ts'

/** A command to paste is never broken: with two digests it has 74 columns. */
const wide = widths.filter((width) => width >= 80)
const reason = 'it loses\norders'

async function rolledBack(): Promise<Shop> {
  const shop = await releasedTwice()
  await shop.rollback({ reason })
  return shop
}

const contextOf = ({ world }: Shop) => ({ env: 'prod', cluster: async () => world })

it.each(wide)('hold lists what is on hold, and how to free it, in %s columns', async (width) => {
  const shop = await rolledBack()
  const held = heldDigests(shop.world.state.journal)
  const starts = held.map(({ side }) => side.digest.slice(0, 19))
  const { document, text, summary, tables } = await holdCommand(contextOf(shop))
  expect(document).toEqual({ version: 1, env: 'prod', held })
  expect(summary).toBe('2 images on hold')
  expect(tables).toHaveLength(1)
  const found = words(plain(text, width))
  expect(found).toContain(`order bbbbbbbb ${starts[0]} r-3 2026-01-01`)
  expect(found).toContain('r-3: it loses orders')
  expect(found).toContain(`\`shopctl hold release ${starts.join(' ')} --reason "…"\` frees all`)
})

it('hold says when nothing is', async () => {
  const { document, text } = await holdCommand(contextOf(await releasedTwice()))
  expect(document).toEqual({ version: 1, env: 'prod', held: [] })
  expect(plain(text)).toBe('Nothing is on hold.')
})

it.each(wide)('a rollback says how to free it, in %s columns', async (width) => {
  const shop = await releasedTwice()
  const moved = await shop.rollback()
  const { text, document } = movedResult(moved)
  expect(words(plain(text, width))).toMatch(
    /On hold, so that it is not released again: order bbbbbbbb, payment bbbbbbbb\. `shopctl hold release sha256:\w{12} sha256:\w{12} --reason "…"` frees it\.$/,
  )
  expect(document).toMatchObject({ release: 'r-3', held: [{ service: 'order' }, {}] })
  const { held: _, ...switched } = moved
  expect(movedResult(switched).document).not.toHaveProperty('held')
  expect(movedResult(switched).text(80)).not.toContain('hold')
})

it('hold release says what is free, and history has it with its reason', async () => {
  const shop = await rolledBack()
  const { journal } = shop.world.state
  const digests = heldDigests(journal).map(({ side }) => side.digest)
  const input = { digests, reason: 'the network', lockWaitMs: null }
  const { document, text } = await holdReleaseCommand(contextOf(shop), input)
  expect(document).toMatchObject({ version: 1, env: 'prod', freed: [{ service: 'order' }, {}] })
  expect(words(plain(text))).toMatch(/^No longer on hold: order bbbbbbbb, payment bbbbbbbb\. `/)
  const operation = journal.closed.at(-1)
  if (!operation) throw new Error('nothing was recorded')
  expect(plain((width) => historyText({ operations: [operation], byHand: null }, width))).toMatch(
    /^op-\d+ +hold release +.* done +order payment +me@here$/m,
  )
  const undo = undoOf(shop.world.state, operation, 'prod')
  const shown = plain((width) => operationText(operation, undo, width))
  expect(shown).toMatch(/^op-\d+ {2}hold release {2}done\n/)
  expect(shown).toContain('reason: the network')
  expect(words(shown)).toContain(digests[0])
  expect(words(shown)).toMatch(/It changed no slot\. A rollback .* on hold again\.$/)
})
