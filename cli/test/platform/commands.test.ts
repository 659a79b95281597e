// The argument vectors of other programs, and what the command prints.
import { expect, it } from 'vitest'
import {
  describeDown,
  describeStatus,
  exportLines,
  platformEnvCommand,
  platformStatusCommand,
} from '../../src/commands/platform.ts'
import { createProgress } from '../../src/output/progress.ts'
import { aptOptions, mirrorAmong, missingPackages } from '../../src/platform/debian.ts'
import { baseImages, bootstrapArguments } from '../../src/platform/images.ts'
import { buildArguments, isNewEnough } from '../../src/platform/kubernetes.ts'
import { setUpCommands } from '../../src/platform/network.ts'
import type { Platform, PlatformStatus } from '../../src/platform/platform.ts'
import { hashOf } from '../../src/platform/store.ts'

it.each([
  ['go version go1.26.8 linux/amd64', true],
  ['go version go1.24 linux/amd64', true],
  ['go version go1.23.12 linux/amd64', false],
  ['go version go2.0 linux/amd64', true],
  ['', false],
])('%s is new enough: %s', (version, enough) => {
  expect(isNewEnough(version)).toBe(enough)
})

it('builds the program with the version of Kubernetes in it', () => {
  const args = buildArguments('/out/kubernetes', '.')
  expect(args.slice(0, 4)).toEqual(['build', '-v', '-trimpath', '-buildvcs=false'])
  expect(args.at(-3)).toContain('-X k8s.io/component-base/version.gitVersion=v1.34.4')
  expect(args.slice(-2)).toEqual(['-o=/out/kubernetes', '.'])
})

it("keeps apt away from the machine's own sources", () => {
  const options = aptOptions('/tmp/apt')
  expect(options).toContain('Dir::Etc::SourceParts=/dev/null')
  expect(options).toContain('Dir::State::Lists=/tmp/apt/lists')
})

it('installs only packages whose files are missing', () => {
  expect(missingPackages(() => true)).toEqual([])
  expect(missingPackages((path) => path !== '/usr/bin/mmdebstrap')).toEqual(['mmdebstrap'])
})

it.each(baseImages)('bootstraps $repository from $suite with its user', (image) => {
  const args = bootstrapArguments(image, '/node', '/out.tar', 'http://mirror/debian')
  const { name, id } = image.user
  expect(args.slice(-3)).toEqual([image.suite, '/out.tar', 'http://mirror/debian'])
  expect(args).toContain(`--include=${image.packages.join(',')}`)
  expect(args.find((arg) => arg.includes(`${name}:x:${id}:${id}:`))).toBeDefined()
})

it('keeps packets for ClusterIPs on the machine', () => {
  expect(setUpCommands()).toContainEqual(
    'ip route replace 10.245.16.0/20 dev lo src 10.245.0.1'.split(' '),
  )
})

it('hashes parts, not their concatenation', () => {
  expect(hashOf(['ab', 'c'])).not.toBe(hashOf(['a', 'bc']))
  expect(hashOf(['ab'])).toMatch(/^[0-9a-f]{12}$/)
})

it('prints variables that any shell reads as they are', () => {
  expect(exportLines({ A: '/x y', B: "it's" })).toBe("export A='/x y'\nexport B='it'\\''s'")
})

const stopped = {
  version: 1 as const,
  running: false,
  kubeconfig: null,
  registry: null,
  edgeUrl: null,
  previewUrl: null,
}

it.each([
  [null, 'The platform is stopped.'],
  [7, 'The platform runs in part.'],
])('describes a platform whose etcd has pid %s', (pid, sentence) => {
  const components = [
    { name: 'etcd', running: pid !== null, pid },
    { name: 'kubelet', running: false, pid: null },
  ]
  expect(describeStatus({ ...stopped, components }).split('\n')[0]).toBe(sentence)
})

it('shows where a running platform is reached, on a narrow terminal too', async () => {
  const status = {
    ...{ version: 1 as const, running: true, registry: '127.0.0.1:5000' },
    ...{ kubeconfig: '/root/.cache/shopctl/admin.conf' },
    ...{ edgeUrl: 'http://127.0.0.1:30080', previewUrl: 'http://127.0.0.1:30081' },
    components: [{ name: 'etcd', running: true, pid: 7 }],
  }
  const { document, text, summary } = await platformStatusCommand(contextOf({ status }))
  expect(document).toEqual(status)
  expect(summary).toBe('The platform is running.')
  expect(text(Number.POSITIVE_INFINITY).split('\n')).toEqual([
    'The platform is running.',
    '  kubeconfig /root/.cache/shopctl/admin.conf',
    '  registry   127.0.0.1:5000',
    '  edge       http://127.0.0.1:30080',
    '  preview    http://127.0.0.1:30081',
    '  etcd                     running, pid 7',
  ])
  expect(text(40)).toContain('\n  kubeconfig\n  /root/.cache/shopctl/admin.conf\n')
})

it('prints variables as they are, however narrow the terminal', async () => {
  const env = { PATH: `/bin with blanks:${'/long'.repeat(20)}` }
  const { document, text } = await platformEnvCommand(contextOf({ env }))
  expect(document).toEqual({ version: 1, env })
  expect(text(40)).toBe(`export PATH='${env.PATH}'`)
})

function contextOf(answers: { status?: PlatformStatus; env?: Record<string, string> }) {
  const platform = {
    status: async () => answers.status,
    env: async () => answers.env,
  } as unknown as Platform
  return { platform, progress: createProgress(() => 0) }
}

it('shows the machine before and after, and what is kept', () => {
  const clean = {
    processes: 0,
    mounts: 0,
    interfaces: [],
    addresses: [],
    routes: [],
    packetFilter: 0,
    cgroups: 0,
  }
  const before = { ...clean, processes: 61, interfaces: ['shopctl0', 'shopctl-pods'] }
  const text = describeDown({ version: 1, stopped: [], before, after: clean, kept: ['/cache'] })
  expect(text).toMatch(/processes +61 +0/)
  expect(text).toMatch(/network interfaces +2 +0/)
  expect(text).toMatch(/Kept:\n {2}\/cache/)
})

it.each([
  ['http://a/debian-security/\nhttp://b/debian/\nhttp://c/debian/', 'http://b/debian'],
  ['http://a/debian', 'http://a/debian'],
  ['http://a/debian-security/\nhttp://packages.example/apt/', null],
  ['', null],
])('finds the mirror of Debian among %j', (targets, mirror) => {
  expect(mirrorAmong(targets)).toBe(mirror)
})
