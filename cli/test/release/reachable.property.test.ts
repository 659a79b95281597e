// Every state that the verbs can reach from an empty environment, breadth first: each intent is refused and changes nothing,
// or a rollback works afterwards. The verbs are the real ones, and so are the commands in the hints of refusals.
import { expect, it } from 'vitest'
import { heldDigests } from '../../src/release/hold/held.ts'
import { releaseHold } from '../../src/release/hold/release-hold.ts'
import { doneMoves, moveOf, openMove } from '../../src/release/record.ts'
import { liveSlot } from '../../src/release/state.ts'
import { brokenNow, brokenRecords, comeToRest, half } from '../fakes/invariants.ts'
import { createShop, names, type Shop } from '../fakes/shop.ts'
import type { Ports } from '../fakes/world.ts'
import { aRun, type Death } from '../fakes/writes.ts'

type Act = (shop: Shop, ports?: Partial<Ports>) => Promise<unknown>
const forward = { skipSmoke: true, reason: 'a' }

function deployOf(letter: string): Act {
  return (shop, ports) => {
    shop.commit(letter)
    return shop.deploy({}, ports)
  }
}

/** The same, killed at the first write of this kind. */
function killed(act: Act, at: string, when: Death['when']): Act {
  return async (shop) => {
    const run = aRun(shop.world, { at, when }, (title, what) => half(shop, title, what))
    await Promise.race([run.killed, act(shop, run.ports)])
  }
}

const oneSwitch: Act = (shop, ports) => shop.switch(forward, ports)
const oneRollback: Act = (shop, ports) => shop.rollback({}, ports)

const intents: Record<string, Act> = {
  'deploy a': deployOf('a'),
  'deploy b': deployOf('b'),
  smoke: (shop) => shop.smoke(),
  switch: oneSwitch,
  'switch order': (shop) => shop.switch({ ...forward, services: ['order'] }),
  rollback: oneRollback,
  'rollback --to r-1': (shop) => shop.rollback({ to: 'r-1' }),
  cleanup: (shop) => shop.cleanup(),
  resume: (shop) => shop.resume(),
  'hold release': ({ world }) => {
    const digests = heldDigests(world.state.journal).map(({ side }) => side.digest)
    return releaseHold(world, { digests: [...new Set(digests)], reason: 'a' })
  },
  'deploy b, killed': killed(deployOf('b'), 'driver.writeSlots', 'late'),
  'switch, killed': killed(oneSwitch, 'driver.movePointers', 'after'),
  'rollback, killed': killed(oneRollback, 'driver.movePointers', 'after'),
}

type Saved = ReturnType<typeof save>

/** All of a shop that a verb reads and writes. */
function save({ world }: Shop) {
  const { state, driver, contents, pieces, source } = world
  const { releases, standing, writes } = driver
  const tree = { head: source.head, contents: source.contents }
  const { copies } = contents
  const { kept } = pieces
  return structuredClone({ state, releases, standing, writes, copies, kept, tree })
}

function restore({ world }: Shop, saved: Saved): void {
  const { state, releases, standing, writes, copies, kept, tree } = structuredClone(saved)
  Object.assign(world.state, state)
  Object.assign(world.driver, { releases, standing, writes })
  Object.assign(world.source, tree)
  world.contents.copies = copies
  world.pieces.kept = kept
}

/** What later verbs depend on: two states that have it alike are one. */
function keyOf({ world }: Shop): string {
  const { services, journal } = world.state
  const ofService = names.map((name) => {
    const { slots, stable, preview } = services[name] ?? {}
    const last = doneMoves(journal).findLast((move) => moveOf(move, name) !== undefined)
    const both = [slots?.blue, slots?.green].map((slot) => slot?.version)
    const finished = ['blue', 'green'].map((color) => world.driver.releases[`${name}-${color}`])
    const first = doneMoves(journal)[0]?.services.find((move) => move.name === name)?.to
    const way = last && [last.verb, moveOf(last, name)]
    return [
      both,
      finished.map((each) => each?.finished),
      stable?.target,
      preview?.target,
      way,
      first,
    ]
  })
  const { open } = journal
  const held = heldDigests(journal).map(({ service, side }) => [service, side.digest])
  return JSON.stringify([ofService, held, open && [open.verb, open.services]])
}

/** Whether it is done, or why it was refused. Any other end is a failure of the test. */
async function tried(shop: Shop, act: Act): Promise<'done' | { code: string; hint: string }> {
  try {
    await act(shop)
    return 'done'
  } catch (error) {
    const { exitCode, code = '', hint = '', message } = error as Record<string, string | number>
    if (exitCode !== 2) throw new Error(`failed: ${message}`, { cause: error })
    return { code: String(code), hint: String(hint) }
  } finally {
    comeToRest(shop)
  }
}

function liveDigests({ world }: Shop): (string | undefined)[] {
  return names.map((name) => {
    const service = world.state.services[name]
    return service && liveSlot(service)?.digest
  })
}

/** What is wrong with the way back. null: nothing. */
async function noWayBack(shop: Shop): Promise<string[] | null> {
  const { journal } = shop.world.state
  const open = openMove(journal)
  const last = doneMoves(journal).findLast(({ verb }) => verb === 'switch')
  const first = await tried(shop, oneRollback)
  if (first === 'done') {
    const goal = open ?? last
    const isTo = goal?.verb === 'rollback'
    const wrong = goal?.services.filter(({ name, from, to }) => {
      const now = liveDigests(shop)[names.indexOf(name)]
      return now !== (isTo ? to : from)?.digest
    })
    return wrong?.length === 0 ? null : [`went elsewhere: ${liveDigests(shop)}`]
  }
  // There was nothing before, or it is live already.
  if (['nothing-to-roll-back', 'already-rolled-back'].includes(first.code)) return null
  const [, to = '', services = ''] =
    /rollback --to (r-\d+) --service ([\w,]+)/.exec(first.hint) ?? []
  if (first.code !== 'slot-gone' || to === '') return [JSON.stringify(first)]
  const again = await tried(shop, () => shop.rollback({ to, services: services.split(',') }))
  return again === 'done' || again.code === 'nothing-to-roll-back' ? null : [JSON.stringify(again)]
}

/** From where they look: an empty environment, and one with two releases, so that less depth is enough. */
const beginnings = [[], ['deploy a', 'switch', 'deploy b', 'switch']]
const depths = 4

it('from every reachable state, each intent is refused or leaves a way back', async () => {
  const shop = createShop()
  const empty = save(shop)
  const seen = new Set<string>()
  const bad: string[] = []
  let level: { saved: Saved; path: string[] }[] = []
  for (const path of beginnings) {
    restore(shop, empty)
    for (const title of path) await tried(shop, intents[title] ?? oneSwitch)
    seen.add(keyOf(shop))
    level.push({ saved: save(shop), path })
  }
  for (let depth = 0; depth < depths; depth++) {
    const next: typeof level = []
    for (const { saved, path } of level)
      for (const [title, act] of Object.entries(intents)) {
        restore(shop, saved)
        const before = JSON.stringify(shop.world.state)
        const result = await tried(shop, act)
        const here = [...path, title]
        const isSame = JSON.stringify(shop.world.state) === before
        if (result !== 'done' && !isSame) bad.push(`${here}: refused, and changed`)
        const key = keyOf(shop)
        if (seen.has(key)) continue
        seen.add(key)
        next.push({ saved: save(shop), path: here })
        const problems = await problemsOf(shop)
        if (problems.length > 0) bad.push(`${here}: ${problems.join(' ')}`)
      }
    level = next
  }
  expect(bad).toEqual([])
  expect(seen.size).toBeGreaterThan(200)
}, 60_000)

async function problemsOf(shop: Shop): Promise<string[]> {
  const isOpen = shop.world.state.journal.open !== null
  const now = [...(await brokenNow(shop)), ...(isOpen ? [] : brokenRecords(shop))]
  return [...now, ...((await noWayBack(shop)) ?? []), ...(await brokenNow(shop))]
}
