// What `npm pack` makes runs where nothing of this repo is.
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { createShell } from '../../src/adapters/shell.ts'
import { modulesOf } from '../program/loaded-modules.ts'
import { root } from '../real/shop.ts'
import { operation } from '../report/scene.ts'
import { startSmallCluster } from '../report/small-cluster.ts'
import { offered, textOf } from '../workflows/files.ts'

const shell = createShell()
let elsewhere: string
beforeAll(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'packed-'))
  await shell.check({
    program: 'npm',
    args: ['pack', '--silent', '--pack-destination', elsewhere],
    cwd: join(root, 'cli'),
  })
  await shell.check({
    program: 'sh',
    args: ['-c', 'npm install --silent --prefix . ./*.tgz'],
    cwd: elsewhere,
  })
}, 120_000)
afterAll(() => rm(elsewhere, { recursive: true, force: true }))

function packed(args: string[], { cwd = elsewhere, env = {} } = {}) {
  return shell.run({
    program: process.execPath,
    args: [join(elsewhere, 'node_modules/.bin/shopctl'), ...args],
    cwd,
    env,
  })
}

test('shopctl --help', async () => {
  const { exitCode, stdout } = await packed(['--help'])
  expect(stdout).toContain('rollback')
  expect(exitCode).toBe(0)
})

test('the workflows of templates/ find it', async () => {
  const { env } = parse(textOf(offered, 'shopctl.yml')) as { env: { SHOPCTL: string } }
  await access(join(elsewhere, env.SHOPCTL))
})

test('the thread of the probe is in it', async () => {
  await access(
    join(elsewhere, 'node_modules/@shop-platform/shopctl/dist/bundle/adapters/probe-worker.js'),
  )
})

/** Of each file of the bundle, how much is code of AWS, Sigstore or plots: esbuild tells, when it builds the same files again. */
async function heavyBytes(): Promise<Map<string, number>> {
  const [, esbuild = ''] = manifest.scripts.prepack.split(' && esbuild ')
  const again = `esbuild ${esbuild} --outdir=${elsewhere}/again --metafile=${elsewhere}/again.json`
  await shell.check({
    program: 'sh',
    args: ['-c', again],
    cwd: join(root, 'cli'),
    env: { PATH: `${root}/node_modules/.bin:${process.env.PATH}` },
  })
  const { outputs } = JSON.parse(await readFile(join(elsewhere, 'again.json'), 'utf8')) as {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>
  }
  const heavy =
    /node_modules\/(@(aws-sdk|aws-crypto|smithy|sigstore|tufjs|observablehq)|d3-\w+|linkedom)\//
  return new Map(
    Object.entries(outputs).map(([file, { inputs }]) => [
      basename(file),
      Object.entries(inputs).reduce(
        (sum, [name, { bytesInOutput }]) => sum + (heavy.test(name) ? bytesInOutput : 0),
        0,
      ),
    ]),
  )
}

test('shopctl --help loads no byte of AWS, Sigstore or plots', async () => {
  const bytes = await heavyBytes()
  const launcher = join(elsewhere, 'node_modules/@shop-platform/shopctl/bin/shopctl.js')
  const loaded = async (args: string[], env = {}): Promise<number> => {
    const urls = await modulesOf(launcher, args, env)
    const files = urls.filter((url) => url.includes('/dist/bundle/')).map((url) => basename(url))
    expect(files).toContain('main.js')
    return files.reduce((sum, file) => sum + (bytes.get(file) ?? Number.NaN), 0)
  }
  expect(await loaded(['--help'])).toBe(0)
  const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
  const token = ['eks-token', '--cluster', 'shop', '--region', 'eu-central-1']
  expect(await loaded(token, keys)).toBeGreaterThan(10_000)
}, 60_000)

test('shopctl platform status --json', async () => {
  const { exitCode, stdout } = await packed(['platform', 'status', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({
    version: 1,
    running: true,
    edgeUrl: 'http://127.0.0.1:30080',
  })
  expect(exitCode).toBe(0)
})

test('shopctl eks-token, whose AWS clients are in the package', async () => {
  const args = ['eks-token', '--cluster', 'shop', '--region', 'eu-central-1']
  const env = {
    ...{ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_EC2_METADATA_DISABLED: 'true' },
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  }
  const { stdout } = await packed(args, { env })
  expect(JSON.parse(stdout)).toMatchObject({ kind: 'ExecCredential' })
  const role = 'arn:aws:iam::111122223333:role/deploy'
  const { exitCode, stderr } = await packed([...args, '--role', role], { env })
  expect(stderr).toMatch(/Could not assume the role .*: connect ECONNREFUSED 127\.0\.0\.1:9/)
  expect(exitCode).toBe(2)
}, 60_000)

test('without a shopctl.yaml: says where it looked', async () => {
  const { exitCode, stderr } = await packed(['status'])
  expect(stderr).toContain('shopctl.yaml')
  expect(exitCode).toBe(2)
})

test.each(['shop-service', 'shop-guard'])('it brings charts/%s, file by file', async (chart) => {
  const inPackage = join(elsewhere, 'node_modules/@shop-platform/shopctl/dist/charts', chart)
  const differences = await shell.run({
    program: 'diff',
    args: ['--recursive', join(root, 'charts', chart), inPackage],
  })
  expect(differences).toMatchObject({ exitCode: 0, output: '' })
})

const config = `name: bank
services:
  ledger:
    chart: chart
    build: { context: ., inputs: [main.py] }
environments:
  local:
    cluster: { context: nowhere, registry: 127.0.0.1:5000 }
    namespace: bank
`

test('in another project: reads its charts and looks for its cluster', async () => {
  const cwd = join(elsewhere, 'bank')
  await mkdir(cwd)
  await writeFile(join(cwd, 'shopctl.yaml'), config)
  await writeFile(join(cwd, 'kubeconfig'), JSON.stringify({ apiVersion: 'v1', kind: 'Config' }))
  const { exitCode, stderr } = await packed(['status'], {
    cwd,
    env: { KUBECONFIG: join(cwd, 'kubeconfig') },
  })
  expect(stderr).toContain('nowhere')
  expect(exitCode).toBe(2)
})

test('shopctl report, whose plots are in the package', async () => {
  const cwd = join(elsewhere, 'report')
  await mkdir(cwd)
  const cluster = await startSmallCluster(cwd, operation)
  const { exitCode, stderr } = await packed(['report', 'r-41'], { cwd, env: cluster.env })
  cluster.close()
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  const page = await readFile(join(cwd, 'r-41.html'), 'utf8')
  expect(page).toMatch(/aria-label="Requests: green".*class="line-green"/s)
})
