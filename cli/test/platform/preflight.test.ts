// Each reason not to start is reported in one line, with the next step.
import { expect, it } from 'vitest'
import { availableMemory, type Facts, reasonAgainst } from '../../src/platform/preflight.ts'

const GiB = 1024 ** 3

const fine: Facts = {
  platform: 'linux',
  architecture: 'x64',
  uid: 0,
  otherPlatform: null,
  freeDisk: 10 * GiB,
  neededDisk: 10 * GiB,
  freeMemory: 4 * GiB,
  neededMemory: 4 * GiB,
  cacheFolder: '/home/ada/.cache/shopctl',
  hasApt: true,
  hasCgroups: true,
  busyPorts: [],
  unreachable: [],
}

it('accepts a machine that just meets the limits', () => {
  expect(reasonAgainst(fine)).toBeNull()
})

const nginx = { pid: 812, name: 'nginx' }

it.each<[Partial<Facts>, string, RegExp]>([
  [{ platform: 'darwin' }, 'not-linux', /darwin/],
  [{ architecture: 'arm64' }, 'architecture', /arm64/],
  [{ uid: 1000 }, 'not-root', /root/],
  [{ otherPlatform: '/home/a/.cache/shopctl' }, 'other-platform', /\/home\/a\/\.cache\/shopctl/],
  [{ hasApt: false }, 'not-debian', /apt-get/],
  [{ hasCgroups: false }, 'no-cgroups', /cgroup/],
  [{ freeDisk: 10 * GiB - 1 }, 'disk-space', /\/home\/ada\/.cache\/shopctl has 10\.0 GiB/],
  [{ freeMemory: 3.5 * GiB }, 'memory', /3\.5 GiB .* 4\.0 GiB are needed/],
  [
    { busyPorts: [{ address: '127.0.0.1', port: 5000, owner: nginx }] },
    'port-busy',
    /Port 5000 is in use on 127\.0\.0\.1 by nginx \(pid 812\)/,
  ],
  [
    { busyPorts: [{ address: '*', port: 6443, owner: null }] },
    'port-busy',
    /Port 6443 is in use on every address by a process that is not visible/,
  ],
  [
    { unreachable: [{ registry: 'the Go module proxy', reason: 'connection refused' }] },
    'registry-unreachable',
    /the Go module proxy .*: connection refused/,
  ],
])('refuses %j', (change, code, message) => {
  const reason = reasonAgainst({ ...fine, ...change })
  expect(reason).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(reason?.message).not.toContain('\n')
  expect(reason?.hint).toBeTruthy()
})

it('names the kind of machine before its size', () => {
  expect(reasonAgainst({ ...fine, uid: 1000, freeDisk: 0 })?.code).toBe('not-root')
})

it('reads the available memory in bytes', () => {
  const meminfo =
    'MemTotal:       24684096 kB\nMemFree:  100 kB\nMemAvailable:   12345678 kB\nBuffers: 1 kB\n'
  expect(availableMemory(meminfo)).toBe(12345678 * 1024)
  expect(availableMemory('')).toBe(0)
})
