// A watch after a switch: a bad version goes back by itself. `npm run soak` has the other ones, and good ones.
import { beforeAll, test } from 'vitest'
import { testWithProbe } from './shop.ts'
import { everyDay, releaseAnew, watchVersion } from './watch.ts'

testWithProbe()
beforeAll(releaseAnew, 600_000)

test.each(everyDay)(
  'of a version that $name',
  (version) => watchVersion(version, { span: '1m', rate: 12 }),
  400_000,
)
