// The argument vectors of other programs, and parsers for their output.
import { describe, expect, it } from 'vitest'
import type { Shell } from '../../src/adapters/shell.ts'
import {
  aptOptions,
  debianMirror,
  mirrorAmong,
  missingPackages,
} from '../../src/platform/debian.ts'
import { buildArguments, isNewEnough } from '../../src/platform/go-program.ts'
import { baseImages, bootstrapArguments } from '../../src/platform/images.ts'
import { linkerFlags } from '../../src/platform/kubernetes.ts'
import { setUpCommands } from '../../src/platform/network.ts'
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
  const args = buildArguments('/out/kubernetes', '.', linkerFlags())
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

it.each([
  ['http://a/debian-security/\nhttp://b/debian/\nhttp://c/debian/', 'http://b/debian'],
  ['http://a/debian', 'http://a/debian'],
  ['http://a/debian-security/\nhttp://packages.example/apt/', null],
  ['', null],
])('finds the mirror of Debian among %j', (targets, mirror) => {
  expect(mirrorAmong(targets)).toBe(mirror)
})

describe('the mirror of Debian', () => {
  const shellWith = (targets: string) => ({ check: async () => targets }) as unknown as Shell
  const own = shellWith('http://own/debian/')

  it('is the one that the environment names', async () => {
    const env = { SHOPCTL_DEBIAN_MIRROR: 'http://named/debian/' }
    expect(await debianMirror(own, env)).toBe('http://named/debian')
  })

  it("is the one in the machine's sources where it names none", async () => {
    for (const env of [{}, { SHOPCTL_DEBIAN_MIRROR: '' }])
      expect(await debianMirror(own, env)).toBe('http://own/debian')
  })

  it('is asked for where there is none', async () => {
    await expect(debianMirror(shellWith('http://own/ubuntu'), {})).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining('SHOPCTL_DEBIAN_MIRROR'),
    })
  })
})
