// Parsers for the kernel's tables.
import { describe, expect, it } from 'vitest'
import { hierarchies, hierarchyOf, pathIn } from '../../src/platform/cgroups.ts'
import { ours } from '../../src/platform/leftovers.ts'
import { mountsBelow, parseMountinfo } from '../../src/platform/mounts.ts'
import { ownLinks } from '../../src/platform/network.ts'
import { conflicts, parseListeners } from '../../src/platform/sockets.ts'

describe('mounts', () => {
  const mountinfo = [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard',
    '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
    '39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:7 master:2 - cgroup cgroup rw,pids',
    '40 31 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    '90 22 0:50 / /run/shopctl/a rw - tmpfs tmpfs rw',
    '91 90 0:51 / /run/shopctl/a/b\\040c rw - tmpfs tmpfs rw',
    '92 22 0:52 / /run/shopctl-of-someone-else rw - tmpfs tmpfs rw',
    '',
  ].join('\n')
  const mounts = parseMountinfo(mountinfo)

  it('finds those below a folder, the innermost first, and none beside it', () => {
    expect(mountsBelow(mounts, ['/run/shopctl'])).toEqual(['/run/shopctl/a/b c', '/run/shopctl/a'])
  })

  it('finds the cgroup hierarchies, and the one of a controller', () => {
    expect(hierarchies(mounts)).toEqual([
      '/sys/fs/cgroup/cpu',
      '/sys/fs/cgroup/pids',
      '/sys/fs/cgroup/unified',
    ])
    expect(hierarchyOf(mounts, 'pids')).toBe('/sys/fs/cgroup/pids')
    expect(hierarchyOf(mounts, 'cpu')).toBe('/sys/fs/cgroup/cpu')
  })

  it('finds every controller in the one hierarchy of cgroup v2', () => {
    const unified = parseMountinfo('32 31 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw')
    expect(hierarchyOf(unified, 'cpu')).toBe('/sys/fs/cgroup')
  })
})

it.each([
  ['5:pids:/user.slice\n3:cpu,cpuacct:/a\n0::/init.scope\n', 'pids', '/user.slice'],
  ['5:pids:/user.slice\n3:cpu,cpuacct:/a:b\n0::/init.scope\n', 'cpu', '/a:b'],
  ['4:memory,pids:/b\n', 'pids', '/b'],
  ['0::/system.slice/ssh\n', 'pids', '/system.slice/ssh'],
  ['', 'pids', '/'],
])('finds the cgroup of a process in %j for %s', (text, controller, path) => {
  expect(pathIn(text, controller)).toBe(path)
})

describe('listeners', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n'
  const row = (local: string, state: string, inode: string): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 ${inode} 1 0 100\n`
  const table = [
    head,
    row('0100007F:1388', '0A', '11'),
    row('0100F50A:192B', '01', '12'),
    row('00000000:0035', '0A', '13'),
    row('0000000000000000FFFF00000100F50A:09EB', '0A', '14'),
    row('00000000000000000000000001000000:192B', '0A', '15'),
  ].join('')
  const listeners = parseListeners(table)

  it('reads addresses and ports of sockets that listen', () => {
    expect(listeners).toEqual([
      { address: '127.0.0.1', port: 5000, inode: '11' },
      { address: '*', port: 53, inode: '13' },
      { address: '10.245.0.1', port: 2539, inode: '14' },
    ])
  })

  it.each([
    ['127.0.0.1', 5000, '11'],
    ['10.245.0.1', 53, '13'],
    ['10.245.0.1', 5000, undefined],
    ['10.245.0.1', 6443, undefined],
  ])('says whether %s:%i is taken', (address, port, inode) => {
    expect(conflicts([{ address, port }], listeners)[0]?.inode).toBe(inode)
  })
})

describe('interfaces, addresses and routes', () => {
  it('finds the bridges of the platform and their ports, and nothing else', () => {
    const links = [
      { ifname: 'lo' },
      { ifname: 'docker0' },
      { ifname: 'shopctl-pods' },
      { ifname: 'veth1', master: 'shopctl-pods' },
      { ifname: 'veth2', master: 'docker0' },
    ]
    expect(ownLinks(links)).toEqual(['shopctl-pods', 'veth1'])
  })

  it('finds only addresses and routes in the networks of the platform', () => {
    const addresses = [
      '1: lo    inet 127.0.0.1/8 scope host lo',
      '1: lo    inet 10.245.0.1/32 scope global lo',
      '2: eth0  inet 10.24.5.1/24 brd 10.24.5.255 scope global eth0',
    ].join('\n')
    expect(ours(addresses)).toEqual(['1: lo    inet 10.245.0.1/32 scope global lo'])
    expect(ours('default via 192.0.2.1 dev eth0\n10.245.16.0/20 dev lo scope link\n')).toEqual([
      '10.245.16.0/20 dev lo scope link',
    ])
  })
})
