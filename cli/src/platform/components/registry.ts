// The local image registry: the target of `push`, and the mirror of the base images.
import { join } from 'node:path'
import { type Component, json, type Machine } from '../component.ts'
import { registry as address } from '../layout.ts'
import { answers } from '../probe.ts'

export function registry({ layout, debian }: Machine): Component {
  const file = join(layout.config, 'registry.yaml')
  return {
    name: 'registry',
    files: {
      [file]: json({
        version: '0.1',
        log: { level: 'warn', accesslog: { disabled: true } },
        storage: {
          filesystem: { rootdirectory: join(layout.home, 'registry') },
          delete: { enabled: true },
        },
        http: { addr: address },
      }),
    },
    program: join(debian, 'usr/bin/docker-registry'),
    args: ['serve', file],
    ready: () => answers(`http://${address}/v2/`),
  }
}
