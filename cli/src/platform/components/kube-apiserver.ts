// The API server.
import { join } from 'node:path'
import type { Component, Machine } from '../component.ts'
import { network } from '../layout.ts'
import { answers } from '../probe.ts'
import { etcdUrl } from './etcd.ts'

export function kubeApiserver({ layout, kubernetes }: Machine): Component {
  const pki = (file: string): string => join(layout.pki, file)
  return {
    name: 'kube-apiserver',
    program: kubernetes,
    args: [
      'kube-apiserver',
      `--advertise-address=${network.host}`,
      `--bind-address=${network.host}`,
      '--secure-port=6443',
      `--service-cluster-ip-range=${network.services}`,
      `--etcd-servers=${etcdUrl}`,
      `--etcd-cafile=${pki('etcd/ca.crt')}`,
      `--etcd-certfile=${pki('apiserver-etcd-client.crt')}`,
      `--etcd-keyfile=${pki('apiserver-etcd-client.key')}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--client-ca-file=${pki('ca.crt')}`,
      `--kubelet-certificate-authority=${pki('ca.crt')}`,
      `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
      `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
      // The node's name is in no DNS.
      '--kubelet-preferred-address-types=InternalIP',
      `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`,
      `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${pki('sa.pub')}`,
      `--service-account-signing-key-file=${pki('sa.key')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged',
      '--profiling=false',
    ],
    ready: () => answers(`https://${network.host}:6443/readyz`),
  }
}
