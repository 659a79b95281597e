// All four services, switched and rolled back under load.
import { beforeAll, test } from 'vitest'
import { ensureLive, testWithProbe } from './shop.ts'
import { moveToAndFro } from './to-and-fro.ts'

testWithProbe()
beforeAll(ensureLive)

// Other tests run beside this one, on machines of two processors too: `npm run soak` has the whole load.
const customers = { orders: 12, reads: 100 }

test(
  'ten moves to and fro lose nothing, and each has its record',
  () => moveToAndFro(10, customers),
  400_000,
)
