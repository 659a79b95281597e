// CoreDNS: names of Services, for pods.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Component, Machine } from '../component.ts'
import { network } from '../layout.ts'
import { answers } from '../probe.ts'

// CoreDNS does not start when resolv.conf has no server, as on a machine without a network.
function hasUpstream(): boolean {
  const resolver = '/etc/resolv.conf'
  return existsSync(resolver) && /^[ \t]*nameserver\s/m.test(readFileSync(resolver, 'utf8'))
}

// Answers are cached for 5 s only, so that new Services are found soon.
function corefile({ layout }: Machine): string {
  return `.:53 {
  bind ${network.host}
  errors
  health ${network.host}:8080
  ready ${network.host}:8181
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${join(layout.pki, 'coredns.conf')}
    pods insecure
    ttl 5
  }
${hasUpstream() ? '  forward . /etc/resolv.conf\n' : ''}  cache 5
}
`
}

export function coredns(machine: Machine): Component {
  const file = join(machine.layout.config, 'Corefile')
  return {
    name: 'coredns',
    files: { [file]: corefile(machine) },
    program: machine.kubernetes,
    args: ['coredns', '-conf', file],
    ready: () => answers(`http://${network.host}:8181/ready`),
  }
}
