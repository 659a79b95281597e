// Secrets and ConfigMaps in memory, and the copies of them that slots use.
import type { Content, Contents, Copy } from '../../src/release/ports/cluster.ts'
import type { Manifest } from '../../src/release/ports/driver.ts'
import type { ChartFault } from './charts.ts'
import { isSlot } from './charts.ts'

export interface FakeContents extends Contents {
  /** By name. */
  copies: Record<string, Copy>
}

export interface ContentsParts {
  secrets: Record<string, Record<string, string>>
  configMaps: Record<string, Record<string, string>>
  /** All objects that stand. */
  standing(): Manifest[]
  log: string[]
}

export function createFakeContents(parts: ContentsParts): FakeContents {
  const { secrets, configMaps, standing, log } = parts
  const fake: FakeContents = {
    copies: {},
    async read({ kind, name }): Promise<Content | null> {
      const copy = fake.copies[name]
      if (copy) return copy.content
      if (kind === 'ConfigMap') return configMaps[name] ? { data: { ...configMaps[name] } } : null
      const found = secrets[name]
      if (!found) return null
      const data = Object.entries(found).map(([key, value]) => [
        key,
        Buffer.from(value).toString('base64'),
      ])
      return { data: Object.fromEntries(data) }
    },
    async copy(copy) {
      if (fake.copies[copy.name]) return false
      fake.copies[copy.name] = structuredClone(copy)
      log.push(`copy ${copy.of} to ${copy.service} ${copy.color}`)
      return true
    },
    async sweep() {
      const text = JSON.stringify(standing())
      for (const { name, of, service, color } of Object.values(fake.copies)) {
        if (text.includes(`"${name}"`)) continue
        delete fake.copies[name]
        log.push(`delete the copy of ${of} of ${service} ${color}`)
      }
      return Object.values(fake.copies)
    },
  }
  return fake
}

/** A chart whose pods use this Secret; `copied`: or the copy that shopctl names. */
export function usingSecret(
  secret: string,
  { copied = true, keys = ['url'] }: { copied?: boolean; keys?: string[] } = {},
): ChartFault {
  return (made, release) => {
    if (!isSlot(release)) return made
    const { secrets } = release.values.shopctl as { secrets: Record<string, string> }
    const name = (copied && secrets[secret]) || secret
    const env = keys.map((key) => ({ valueFrom: { secretKeyRef: { name, key } } }))
    return made.map((each) => {
      if (each.kind !== 'Deployment') return each
      const deployment = structuredClone(each) as unknown as {
        spec: { template: { spec: { containers: { env?: object[] }[] } } }
      }
      for (const container of deployment.spec.template.spec.containers) container.env = env
      return deployment as unknown as Manifest
    })
  }
}
