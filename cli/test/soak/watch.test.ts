// A watch after a switch, with every kind of bad version, and good ones that have bad luck.
import { beforeAll, test } from 'vitest'
import { testWithProbe } from '../real/shop.ts'
import { all, releaseAnew, watchVersion } from '../real/watch.ts'

testWithProbe()
beforeAll(releaseAnew, 600_000)

test.each(all)(
  'of a version that $name',
  // A bad one ends it earlier.
  (version) => watchVersion(version, { span: version.gates.length === 0 ? '1m' : '15m', rate: 30 }),
  1_200_000,
)
