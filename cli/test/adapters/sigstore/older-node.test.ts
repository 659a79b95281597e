// A Node before 24.14, which cannot set the proxy of fetch: an import by name would end every command there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { fetchRoots } from '../../../src/adapters/sigstore/roots.ts'
import { aLimit } from '../../fakes/host.ts'
import { startSigstore } from '../../fakes/sigstore.ts'
import { startTuf } from '../../fakes/tuf.ts'

vi.mock('node:http', async (original) => ({
  ...(await original<typeof import('node:http')>()),
  setGlobalProxyFromEnv: undefined,
}))

it('still fetches the roots', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tuf-'))
  const sigstore = await startSigstore()
  const tuf = await startTuf({ name: 'trusted_root.json', content: sigstore.root })
  try {
    const rootFile = join(folder, 'root.json')
    writeFileSync(rootFile, tuf.root)
    const mirror = { url: tuf.url, rootFile }
    const fetching = fetchRoots({
      folder: () => join(folder, 'kept'),
      limit: aLimit,
      env: {},
      mirror,
    })
    expect((await fetching).certificateAuthorities).toHaveLength(1)
  } finally {
    tuf.close()
    sigstore.close()
    rmSync(folder, { recursive: true })
  }
})
