// The kubelet: makes containerd run the pods of the one node.
import { join } from 'node:path'
import { cgroupRoot } from '../cgroups.ts'
import { type Component, json, type Machine } from '../component.ts'
import { network, node } from '../layout.ts'
import { answers } from '../probe.ts'

export function kubelet({ layout, kubernetes }: Machine): Component {
  const file = join(layout.config, 'kubelet.yaml')
  const pki = (file: string): string => join(layout.pki, file)
  const ownCertificates = join(layout.home, 'kubelet/pki')
  return {
    name: 'kubelet',
    // An earlier version let the kubelet sign a certificate of its own, for a year.
    leftovers: ['kubelet.crt', 'kubelet.key'].map((file) => join(ownCertificates, file)),
    files: {
      [file]: json({
        apiVersion: 'kubelet.config.k8s.io/v1beta1',
        kind: 'KubeletConfiguration',
        address: network.host,
        healthzBindAddress: network.host,
        authentication: {
          anonymous: { enabled: false },
          webhook: { enabled: true },
          x509: { clientCAFile: pki('ca.crt') },
        },
        // It has the name and the address of the API server.
        tlsCertFile: pki('apiserver.crt'),
        tlsPrivateKeyFile: pki('apiserver.key'),
        authorization: { mode: 'Webhook' },
        containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
        cgroupDriver: 'cgroupfs',
        cgroupRoot,
        clusterDNS: [network.host],
        clusterDomain: 'cluster.local',
        podLogsDir: join(layout.logs, 'pods'),
        containerLogMaxFiles: 2,
        volumePluginDir: join(layout.home, 'kubelet/volume-plugins'),
        failSwapOn: false,
        // Absolute sizes and no percentages: the disk may be large and nearly full.
        evictionHard: {
          'memory.available': '100Mi',
          'nodefs.available': '1Gi',
          'nodefs.inodesFree': '10000',
          'imagefs.available': '1Gi',
          'imagefs.inodesFree': '10000',
        },
        imageGCHighThresholdPercent: 100,
        // A release starts many pods at once, and their images come from this machine.
        registryPullQPS: 0,
        serializeImagePulls: false,
        kubeAPIQPS: 200,
        kubeAPIBurst: 400,
        eventRecordQPS: 50,
        maxPods: 200,
      }),
    },
    program: kubernetes,
    args: [
      'kubelet',
      `--config=${file}`,
      `--kubeconfig=${pki('kubelet.conf')}`,
      `--root-dir=${join(layout.home, 'kubelet')}`,
      `--cert-dir=${ownCertificates}`,
      `--hostname-override=${node}`,
      `--node-ip=${network.host}`,
    ],
    ready: () => answers(`http://${network.host}:10248/healthz`),
  }
}
