// 300 moves of all four services under load.
import { beforeAll, test } from 'vitest'
import { ensureLive, testWithProbe } from '../real/shop.ts'
import { moveToAndFro } from '../real/to-and-fro.ts'

testWithProbe()
beforeAll(ensureLive, 600_000)

test.each([1, 2, 3])(
  'a hundred moves to and fro lose nothing: %i of 3',
  () => moveToAndFro(100, { orders: 30, reads: 500 }),
  1_800_000,
)
