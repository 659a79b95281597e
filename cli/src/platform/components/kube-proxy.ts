// kube-proxy: routes ClusterIPs and NodePorts to pods.
import { join } from 'node:path'
import { type Component, json, type Machine } from '../component.ts'
import { network, node } from '../layout.ts'
import { answers } from '../probe.ts'

export function kubeProxy({ layout, kubernetes }: Machine): Component {
  const file = join(layout.config, 'kube-proxy.yaml')
  return {
    name: 'kube-proxy',
    files: {
      [file]: json({
        apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
        kind: 'KubeProxyConfiguration',
        clientConnection: { kubeconfig: join(layout.pki, 'kube-proxy.conf'), qps: 50, burst: 100 },
        hostnameOverride: node,
        bindAddress: network.host,
        healthzBindAddress: `${network.host}:10256`,
        metricsBindAddress: `${network.host}:10249`,
        clusterCIDR: network.pods,
        mode: 'iptables',
        // A switch waits for it. By default it collects changes for a second.
        iptables: { minSyncPeriod: '50ms', localhostNodePorts: true },
        // NodePorts are only for this machine.
        nodePortAddresses: ['127.0.0.0/8', `${network.host}/32`],
        // Do not change the machine's connection tracking.
        conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
      }),
    },
    program: kubernetes,
    args: ['kube-proxy', `--config=${file}`],
    ready: () => answers(`http://${network.host}:10256/healthz`),
  }
}
