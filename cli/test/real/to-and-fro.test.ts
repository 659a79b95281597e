// All four services, switched and rolled back under load.
import { beforeAll, test } from 'vitest'
import { ensureLive } from './shop.ts'
import { moveToAndFro } from './to-and-fro.ts'

beforeAll(ensureLive)

test('ten moves to and fro lose nothing, and each has its record', () => moveToAndFro(10), 400_000)
