// containerd with CRI: runs the pods and the containers of the Docker engine.
import { join } from 'node:path'
import { type Component, enginePath, json, type Machine } from '../component.ts'
import { network, registry } from '../layout.ts'
import { answersCall } from '../probe.ts'

export const pauseImage = 'registry.k8s.io/pause:3.10'

function config({ layout, debian }: Machine): string {
  return `version = 2
root = "${layout.home}/containerd"
state = "${layout.run}/containerd"

[grpc]
  address = "${layout.containerdSocket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "${layout.home}/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  max_concurrent_downloads = 8
  netns_mounts_under_state_dir = true
  # Without CAP_SYS_RESOURCE (a sandboxed machine) runc may not lower a score, and fails.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${debian}/usr/lib/cni"
    conf_dir = "${layout.config}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${debian}/usr/sbin/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${layout.config}/registries"
`
}

// The local registry comes first, for the base images. All other images are in the public one.
function mirror(server: string): string {
  return `server = "${server}"

[host."http://${registry}"]
  capabilities = ["pull", "resolve"]
`
}

// One rule of the network masquerades all pods. A rule for each pod would slow down its start.
function podNetwork({ layout }: Machine): string {
  return json({
    cniVersion: '1.0.0',
    name: 'shopctl',
    plugins: [
      {
        type: 'bridge',
        bridge: network.podBridge,
        isDefaultGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: network.pods }]],
          dataDir: `${layout.run}/cni`,
        },
      },
    ],
  })
}

export function containerd(machine: Machine): Component {
  const { layout, debian } = machine
  const file = join(layout.config, 'containerd.toml')
  return {
    name: 'containerd',
    files: {
      [file]: config(machine),
      [join(layout.config, 'cni/10-shopctl.conflist')]: podNetwork(machine),
      [join(layout.config, 'registries/docker.io/hosts.toml')]: mirror(
        'https://registry-1.docker.io',
      ),
      [join(layout.config, 'registries/registry.k8s.io/hosts.toml')]:
        mirror('https://registry.k8s.io'),
    },
    program: join(debian, 'usr/bin/containerd'),
    env: enginePath(debian),
    args: ['--config', file],
    ready: () => answersCall(layout.containerdSocket, '/runtime.v1.RuntimeService/Version'),
  }
}
