// etcd: the store of the API server.
import { join } from 'node:path'
import type { Component, Machine } from '../component.ts'
import { network, node } from '../layout.ts'
import { answers } from '../probe.ts'

export const etcdUrl = `https://${network.host}:2379`
const peerUrl = `https://${network.host}:2380`
const metricsUrl = `http://${network.host}:2381`

export function etcd({ layout, kubernetes }: Machine): Component {
  const pki = join(layout.pki, 'etcd')
  return {
    name: 'etcd',
    program: kubernetes,
    args: [
      'etcd',
      `--name=${node}`,
      `--data-dir=${join(layout.home, 'etcd')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=${node}=${peerUrl}`,
      `--listen-metrics-urls=${metricsUrl}`,
      `--cert-file=${pki}/server.crt`,
      `--key-file=${pki}/server.key`,
      `--trusted-ca-file=${pki}/ca.crt`,
      '--client-cert-auth',
      `--peer-cert-file=${pki}/peer.crt`,
      `--peer-key-file=${pki}/peer.key`,
      `--peer-trusted-ca-file=${pki}/ca.crt`,
      '--peer-client-cert-auth',
      '--snapshot-count=5000',
      '--log-level=warn',
    ],
    ready: () => answers(`${metricsUrl}/readyz`),
  }
}
