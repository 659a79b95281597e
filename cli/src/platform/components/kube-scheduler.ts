// The scheduler.
import { join } from 'node:path'
import { type Component, json, type Machine } from '../component.ts'
import { network } from '../layout.ts'
import { answers } from '../probe.ts'

export function kubeScheduler({ layout, kubernetes }: Machine): Component {
  const kubeconfig = join(layout.pki, 'scheduler.conf')
  const file = join(layout.config, 'kube-scheduler.yaml')
  return {
    name: 'kube-scheduler',
    files: {
      [file]: json({
        apiVersion: 'kubescheduler.config.k8s.io/v1',
        kind: 'KubeSchedulerConfiguration',
        clientConnection: { kubeconfig, qps: 200, burst: 400 },
        leaderElection: { leaderElect: false },
        enableProfiling: false,
      }),
    },
    program: kubernetes,
    args: [
      'kube-scheduler',
      `--config=${file}`,
      `--bind-address=${network.host}`,
      // Without these it signs a certificate of its own, for a year.
      `--tls-cert-file=${join(layout.pki, 'apiserver.crt')}`,
      `--tls-private-key-file=${join(layout.pki, 'apiserver.key')}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
    ],
    ready: () => answers(`https://${network.host}:10259/readyz`),
  }
}
