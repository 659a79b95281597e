// What a release tells the later steps of a workflow.
import { expect, it } from 'vitest'
import { releaseResult } from '../../src/commands/release.ts'
import { createShop } from '../fakes/shop.ts'

const digest = expect.stringMatching(/^sha256:/)

it('the digests, the release and its colors', async () => {
  const { outputs } = releaseResult(await createShop().release())
  expect(outputs).toEqual({
    digests: { order: digest, payment: digest },
    ...{ release: 'r-1', colors: { order: 'blue', payment: 'blue' } },
  })
})

it('the digests alone, when all of it is live already', async () => {
  const shop = createShop()
  await shop.release()
  expect(releaseResult(await shop.release()).outputs).toEqual({
    digests: { order: digest, payment: digest },
  })
})
