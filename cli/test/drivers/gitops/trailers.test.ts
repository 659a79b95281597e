// Each commit names the operation that it is part of, and why it was made.
import { describe, expect, it } from 'vitest'
import { noteOf } from '../../../src/drivers/gitops/messages.ts'
import { aMove } from '../../fakes/state.ts'
import { aWrite, blue, createScene, green, held, names, type Scene } from './scene.ts'

const purpose = { id: 'op-7', reason: 'the third\nShopctl-By: nobody' }
const reason = 'the third Shopctl-By: nobody'

function notes({ repo, subjects }: Scene) {
  const own = subjects().length
  return repo
    .history()
    .slice(-own)
    .map(({ message }) => noteOf(message))
}

describe('a commit', () => {
  it('of a deploy, a put back and a removal names the operation, as history does', async () => {
    const scene = createScene()
    const driver = scene.driver()
    driver.begin(purpose)
    await driver.writeSlots([aWrite('order', 'green', 'cccccccccc')], held)
    await driver.putBack([{ service: 'order', slot: green, atLeast: 0, declared: null }], held)
    await driver.removeSlots([{ service: 'order', slot: green }], held)
    expect(notes(scene)).toMatchObject(Array(3).fill({ release: 'op-7', reason, by: 'me@here' }))
  })

  it('of a move names the release', async () => {
    const scene = createScene()
    const driver = scene.driver()
    driver.begin({ ...purpose, id: 'r-2' })
    await driver.movePointers(await scene.moves(green, 'r-2'), 'switch', held)
    await driver.settle()
    await driver.movePointers(await scene.moves(blue, null, 'preview'), 'switch', held)
    expect(notes(scene)).toMatchObject([
      { operation: 'switch', release: 'r-2', reason },
      { operation: 'switch (preview)', release: 'r-2', reason },
    ])
  })

  it('of nothing that is recorded names nothing', async () => {
    const scene = createScene()
    await scene.driver().removeSlots([{ service: 'order', slot: green }], held)
    expect(notes(scene)).toMatchObject([{ operation: 'cleanup', release: null, reason: null }])
  })

  it('after an emergency has the reason of the emergency, not of the next operation', async () => {
    const scene = createScene()
    scene.closed.push(aMove('r-9', 'rollback', names, { reason: 'git is away' }))
    await scene.driver().movePointers(await scene.moves(green, 'r-9'), 'emergency', held)
    const driver = scene.driver()
    driver.begin({ id: 'r-10', reason: 'forward' })
    await driver.movePointers(await scene.moves(blue, 'r-10'), 'switch', held)
    expect(notes(scene)).toMatchObject([
      { operation: 'rollback (emergency)', release: 'r-9', reason: 'git is away' },
      { operation: 'switch', release: 'r-10', reason: 'forward' },
    ])
  })
})
