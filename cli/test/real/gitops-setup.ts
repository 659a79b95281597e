// Argo CD, while the tests run that use it. One that was there before is the user's, and stays.
import type { PlatformStatus } from '../../src/platform/platform.ts'
import { removeGitops } from './gitops.ts'
import { platform } from './observability.ts'

/** With SHOPCTL_TEST_KEEP, the shop stays too. */
export default async function setup(): Promise<() => Promise<void>> {
  const before = JSON.parse(await platform('status', '--json')) as PlatformStatus
  await platform('up', '--with', 'gitops')
  return async () => {
    if (process.env.SHOPCTL_TEST_KEEP) return
    try {
      await removeGitops()
    } finally {
      if (!before.with.includes('gitops')) await platform('up', '--without', 'gitops')
    }
  }
}
