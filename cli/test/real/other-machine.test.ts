// Another machine on the same network, with routes to the platform: a network namespace behind a pair of interfaces.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { network } from '../../src/platform/layout.ts'
import { kubectlOk, until } from './shop.ts'

const shell = createShell()
const [here, there, third] = ['198.51.100.1', '198.51.100.2', '203.0.113.2']
const [one, two] = ['shop-other-1', 'shop-other-2']

async function run(script: string): Promise<void> {
  await shell.check({ program: 'sh', args: ['-ec', script] })
}

/** Removes what an interrupted run has left, too. */
async function removeMachines(): Promise<void> {
  await run(`for name in ${one} ${two}; do ip netns delete $name 2>/dev/null || true; done`)
}

beforeAll(async () => {
  await removeMachines()
  await run(`
    ip netns add ${one}
    ip netns add ${two}
    ip link add ${one} type veth peer name eth0 netns ${one}
    ip link add ${two} type veth peer name eth0 netns ${two}
    ip address add ${here}/30 dev ${one}
    ip address add 203.0.113.1/30 dev ${two}
    ip link set ${one} up
    ip link set ${two} up
    ip -n ${one} address add ${there}/30 dev eth0
    ip -n ${one} link set eth0 up
    ip -n ${two} address add ${third}/30 dev eth0
    ip -n ${two} link set lo up
    ip -n ${two} link set eth0 up
    ip -n ${one} route add default via ${here}
    ip -n ${two} route add default via 203.0.113.1
    ip -n ${one} route add 127.0.0.0/8 via ${here}
    ip netns exec ${one} sysctl -qw net.ipv4.conf.all.route_localnet=1
  `)
})
afterAll(removeMachines)

/** Whether the machine gets a connection within a second, from one of its addresses if `from` is given. */
async function connects(address: string, port: number, from = there): Promise<boolean> {
  const script = `const socket = require('net').connect({ host: '${address}', port: ${port}, localAddress: '${from}' })
    setTimeout(() => process.exit(1), 1000)
    socket.on('connect', () => process.exit(0)).on('error', () => process.exit(1))`
  const args = ['netns', 'exec', one, process.execPath, '-e', script]
  return (await shell.run({ program: 'ip', args })).exitCode === 0
}

const pod = 'other-machine'
const server = "require('net').createServer((socket) => socket.end()).listen(9000, '0.0.0.0')"

/** The address of a pod that accepts connections on port 9000. */
async function startPod(): Promise<string> {
  const inDefault = [pod, '--namespace=default']
  await kubectlOk('delete', 'pod', ...inDefault, '--ignore-not-found', '--now')
  const image = ['--image=node:24-bookworm-slim', '--restart=Never']
  await kubectlOk('run', ...inDefault, ...image, '--command', '--', 'node', '-e', server)
  await kubectlOk('wait', `pod/${pod}`, '--namespace=default', '--for=condition=Ready')
  return kubectlOk('get', 'pod', ...inDefault, '--output=jsonpath={.status.podIP}')
}

describe('another machine', () => {
  let podIp = ''
  beforeAll(async () => {
    podIp = await startPod()
  })
  afterAll(() => kubectlOk('delete', 'pod', pod, '--namespace=default', '--now'))

  it('reaches no address of the platform, its pods or its Services', async () => {
    const service = await kubectlOk(
      ...['get', 'service', 'kubernetes', '--namespace=default'],
      '--output=jsonpath={.spec.clusterIP}',
    )
    const daemons = [53, 1025, 2379, 2380, 2381, 6443, 8025, 8080, 8181, 10248, 10249, 10250]
    const targets: [string, number][] = [
      [podIp, 9000],
      [service, 443],
      ...[...daemons, 10256, 10257, 10259].map((port): [string, number] => [network.host, port]),
      ...['10.245.128.1', '10.245.2.1', here, '127.0.0.1'].flatMap((address) =>
        [5000, 6443, 10250, 31080].map((port): [string, number] => [address, port]),
      ),
    ]
    const reached = await Promise.all(
      targets.map(async ([address, port]) =>
        (await connects(address, port)) ? [`${address}:${port}`] : [],
      ),
    )
    expect(reached.flat()).toEqual([])
  })

  it('reaches a third machine through this one, as before', async () => {
    const args = ['netns', 'exec', two, process.execPath, '-e', server]
    const stop = new AbortController()
    const serving = shell.run({ program: 'ip', args, signal: stop.signal }).catch(() => {})
    try {
      await until('it answers', () => connects(third, 9000))
    } finally {
      stop.abort()
      await serving
    }
  })

  it('is reached by pods, and so are the pods and this machine', async () => {
    const dial = (host: string, port: number) =>
      `require('net').connect({ host: '${host}', port: ${port} }).on('connect', () => process.exit(0)).on('error', () => process.exit(1))`
    const fromPod = (host: string, port: number) =>
      kubectlOk('exec', pod, '--namespace=default', '--', 'node', '-e', dial(host, port))
    await fromPod('kubernetes.default', 443)
    await fromPod(podIp, 9000)
    await fromPod(network.host, 1025)
    // Its mails are for this machine only.
    const dialMails = kubectlOk(
      ...['exec', pod, '--namespace=default', '--', 'timeout', '1'],
      ...['node', '-e', dial(network.host, 8025)],
    )
    await expect(dialMails).rejects.toThrow()
    await shell.check({ program: process.execPath, args: ['-e', dial(network.host, 8025)] })
    const listening = shell.run({
      program: 'ip',
      args: [
        'netns',
        'exec',
        one,
        process.execPath,
        '-e',
        `${server}.once('connection', () => process.exit(0))`,
      ],
    })
    await until(
      'a pod reaches it',
      async () =>
        await fromPod(there, 9000).then(
          () => true,
          () => false,
        ),
    )
    await listening
    await shell.check({ program: process.execPath, args: ['-e', dial(podIp, 9000)] })
  })
})
