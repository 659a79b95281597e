// The controllers: Deployments, StatefulSets, Jobs, EndpointSlices and the rest.
import { join } from 'node:path'
import type { Component, Machine } from '../component.ts'
import { network } from '../layout.ts'
import { answers } from '../probe.ts'

export function kubeControllerManager({ layout, kubernetes }: Machine): Component {
  const kubeconfig = join(layout.pki, 'controller-manager.conf')
  return {
    name: 'kube-controller-manager',
    program: kubernetes,
    args: [
      'kube-controller-manager',
      `--bind-address=${network.host}`,
      // Without these it signs a certificate of its own, for a year.
      `--tls-cert-file=${join(layout.pki, 'apiserver.crt')}`,
      `--tls-private-key-file=${join(layout.pki, 'apiserver.key')}`,
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--client-ca-file=${join(layout.pki, 'ca.crt')}`,
      `--requestheader-client-ca-file=${join(layout.pki, 'front-proxy-ca.crt')}`,
      `--root-ca-file=${join(layout.pki, 'ca.crt')}`,
      `--cluster-signing-cert-file=${join(layout.pki, 'ca.crt')}`,
      `--cluster-signing-key-file=${join(layout.pki, 'ca.key')}`,
      `--service-account-private-key-file=${join(layout.pki, 'sa.key')}`,
      '--use-service-account-credentials',
      `--flex-volume-plugin-dir=${join(layout.home, 'kubelet/volume-plugins')}`,
      '--controllers=*,bootstrapsigner,tokencleaner',
      // One node needs no election. Waiting for the lease of an earlier run would take 15 s.
      '--leader-elect=false',
      // A release creates dozens of objects at once.
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      '--profiling=false',
    ],
    ready: () => answers(`https://${network.host}:10257/healthz`),
  }
}
