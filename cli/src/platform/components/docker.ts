// The platform's Docker engine builds images. It has its own socket, data folder and bridge, and shares containerd.
import { join } from 'node:path'
import { cgroupRoot } from '../cgroups.ts'
import { type Component, enginePath, json, type Machine } from '../component.ts'
import { network, registry } from '../layout.ts'
import { answers } from '../probe.ts'

export function docker({ layout, debian }: Machine): Component {
  const file = join(layout.config, 'docker.json')
  const pidfile = join(layout.run, 'docker.pid')
  return {
    name: 'docker',
    // It refuses to start while any process has the id in this file.
    leftovers: [pidfile],
    files: {
      [file]: json({
        hosts: [layout.dockerHost],
        'data-root': join(layout.home, 'docker'),
        'exec-root': join(layout.run, 'docker'),
        pidfile,
        containerd: layout.containerdSocket,
        bridge: network.buildBridge,
        'cgroup-parent': join(cgroupRoot, 'docker'),
        // Docker's own rules would set the FORWARD chain to DROP, and pods could not reach each other.
        iptables: false,
        ip6tables: false,
        'ip-masq': false,
        'userland-proxy': false,
        'registry-mirrors': [`http://${registry}`],
        runtimes: { shopctl: { path: join(debian, 'usr/sbin/runc') } },
        'default-runtime': 'shopctl',
        'log-level': 'warn',
      }),
    },
    program: join(debian, 'usr/sbin/dockerd'),
    args: ['--config-file', file],
    env: enginePath(debian),
    ready: () => answers('http://docker/_ping', { socketPath: layout.dockerSocket }),
  }
}
