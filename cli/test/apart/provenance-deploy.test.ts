// A deploy into an environment that asks for provenance, from the command line to the cluster.
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aSigning, attestImage, type FakeSigstore, startSigstore } from '../fakes/sigstore.ts'
import { kubectlOk, root, shopctl, shopctlOk } from '../real/shop.ts'
import { commit } from './project.ts'

const namespace = `provenance-${crypto.randomUUID().slice(0, 8)}`
let repo = ''
let sigstore: FakeSigstore
let image = { name: '', digest: '' }

function run(...args: string[]) {
  return shopctl([...args, '--env', 'local', '--service', 'web'], { cwd: repo })
}

beforeAll(async () => {
  repo = await mkdtemp(join(tmpdir(), 'provenance-'))
  sigstore = await startSigstore()
  const filter = (path: string): boolean => !path.endsWith('/dist')
  await cp(join(root, 'templates'), repo, { recursive: true, filter })
  const { repository, workflow } = aSigning
  const file = join(repo, 'shopctl.yaml')
  const settings = `{ repository: ${repository}, workflow: ${workflow}, trustedRoot: roots.jsonl }`
  const text = (await readFile(file, 'utf8')).replace(
    'namespace: example',
    `namespace: ${namespace}\n    provenance: ${settings}`,
  )
  await writeFile(file, text)
  await writeFile(join(repo, 'roots.jsonl'), sigstore.root)
  // An image of an earlier run has attestations already.
  await appendFile(join(repo, 'service-http/server.mjs'), `// ${namespace}\n`)
  await commit(repo)
  const only = ['--env', 'local', '--service', 'web']
  await shopctlOk(['build', ...only], { cwd: repo })
  const { stdout } = await shopctlOk(['push', ...only, '--json'], { cwd: repo })
  const [name = '', digest = ''] = JSON.parse(stdout).images[0].reference.split('@')
  image = { name, digest }
})
afterAll(async () => {
  sigstore.close()
  await kubectlOk('delete', 'namespace', namespace, '--ignore-not-found', '--wait=false')
  await rm(repo, { recursive: true })
})

function attest(workflow: string): Promise<void> {
  return attestImage(sigstore, { ...image, credentials: null }, { workflow })
}

async function deployments(): Promise<string> {
  return kubectlOk('get', 'deployments', '--namespace', namespace, '--output=name')
}

it('an image without provenance is refused, and nothing is written', async () => {
  for (const verb of ['plan', 'deploy']) {
    const { exitCode, stderr } = await run(verb)
    expect(stderr).toMatch(
      /web \(sha256:.*…\) has no provenance in 127\.0\.0\.1:5000\/example\/web\./,
    )
    expect(stderr).toContain('push-to-registry: true')
    expect(exitCode).toBe(2)
  }
  expect(await deployments()).toBe('')
})

it('so is one that another workflow signed', async () => {
  await attest('shop/shop/.github/workflows/other.yml@refs/heads/main')
  const { exitCode, stderr } = await run('deploy')
  expect(stderr).toContain(
    'was signed by shop/shop/.github/workflows/other.yml@refs/heads/main, not by',
  )
  expect(exitCode).toBe(2)
  expect(await deployments()).toBe('')
})

it('with a provenance of the workflow it is deployed', async () => {
  await attest(aSigning.workflow)
  const { exitCode, stderr } = await run('deploy')
  expect(stderr).toContain('deploy web')
  expect(exitCode).toBe(0)
  expect(await deployments()).toMatch(/web-(blue|green)/)
})
