// A watch after a switch: a bad version goes back by itself, a good one stays.
import { beforeAll, test } from 'vitest'
import { everyDay, releaseAnew, watchVersion } from './watch.ts'

beforeAll(releaseAnew, 600_000)

test.each(everyDay)('of a version that $name', (version) => watchVersion(version, '40s'), 400_000)
