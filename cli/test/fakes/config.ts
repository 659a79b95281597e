// A small system of two services, as shopctl.yaml would describe it.
import { parseConfig } from '../../src/config/parse.ts'
import type { Config } from '../../src/config/schema.ts'
import { refused } from '../../src/errors.ts'
import { isBelow } from '../../src/release/build/inputs.ts'
import type {
  BuildCache,
  ImageBuilder,
  Kept,
  Labels,
  PushRecord,
  Registry,
  Source,
} from '../../src/release/ports/project.ts'

function serviceText(name: string): string {
  return `
  ${name}:
    chart: charts/app
    values: charts/values/${name}.yaml
    build:
      context: ${name}
      prepare: [make, ${name}]
      inputs: [${name}, kernel]
      migrations: ${name}/migrations
    smoke: ${name}/smoke.ts`
}

export const configText = `name: shop
services:${serviceText('order')}${serviceText('payment')}
environments:
  local:
    cluster: embedded
    namespace: shop
    secrets:
      postgres: { admin: random, order: random }
      order: { url: "postgresql://order:\${postgres.order}@postgres/order" }
    dependencies:
      - { name: postgres, chart: charts/postgres, values: [charts/values/postgres.yaml] }
`

export function aConfig(): Config {
  return parseConfig(configText, 'shopctl.yaml')
}

/** What the pods of a service answer on a port of their own. */
export const managementText = `
    management:
      port: 9090
      role: /role
      readiness: /readyz
      messages: /messages
      accounting: /accounting`

/** The same system with all that a service may offer; `change` makes its text another one. */
export function aFullConfig(change: (text: string) => string = (text) => text): Config {
  const text = configText
    .replaceAll(/\n {4}smoke: .*/g, (smoke) => `${smoke}${managementText}`)
    .replace('environments:', 'smoke: smoke.ts\naudit: audit.ts\nenvironments:')
  return parseConfig(change(text), 'shopctl.yaml')
}

export interface Tree extends Source {
  contents: Record<string, string>
  /** Files that are executable. */
  executable: Set<string>
  dirty: Set<string>
  head: string | null
}

export function createTree(): Tree {
  const tree: Tree = {
    contents: {
      'charts/app/Chart.yaml': 'name: app',
      'charts/postgres/Chart.yaml': 'name: postgres',
      'charts/values/order.yaml': 'replicas: 2\nconfig: { LEVEL: info }',
      'charts/values/payment.yaml': 'replicas: 2',
      'charts/values/postgres.yaml': '{}',
      'kernel/bus.ts': 'bus',
      'order/main.ts': 'order',
      'order/Dockerfile': 'FROM node',
      'order/migrations/1.sql': 'create table a',
      'order/smoke.ts': 'smoke',
      'order/test/main.test.ts': 'test',
      'payment/Dockerfile': 'FROM node',
      'payment/main.ts': 'payment',
      'payment/migrations/1.sql': 'create table b',
      'payment/smoke.ts': 'smoke',
      'smoke.ts': 'smoke',
    },
    executable: new Set(),
    dirty: new Set(),
    head: '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d',
    commit: async () => tree.head,
    files: async (paths) =>
      Object.keys(tree.contents)
        .filter((file) => paths.some((path) => isBelow(file, path)))
        .sort(),
    changed: async (paths) =>
      [...tree.dirty].filter((file) => paths.some((path) => isBelow(file, path))),
    read: async (file) => Buffer.from(tree.contents[file] ?? ''),
    entry: async (file) => ({
      mode: tree.executable.has(file) ? '100755' : '100644',
      content: Buffer.from(tree.contents[file] ?? ''),
    }),
    async follow(path) {
      if (tree.contents[path] !== undefined) return { is: 'file', path }
      const isFolder = Object.keys(tree.contents).some((file) => isBelow(file, path))
      return isFolder ? { is: 'folder', path } : null
    },
  }
  return tree
}

export interface FakeEngine {
  builder: ImageBuilder
  registry: Registry
  pushed: PushRecord
  /** Tags by `repository:tag`, digests as values. */
  tags: Map<string, string>
  /** What refers to an image, by its digest. */
  attached: Map<string, { type: string; content: string }[]>
  /** What was kept last, by repository. */
  kept: Map<string, Kept>
  /** Contexts of the images that were built. */
  built: string[]
  /** Contexts of the images that were built without the cache. */
  fresh: string[]
  /** References that were pushed. */
  sent: string[]
  writesCache: boolean
  /** The caches of the builds, and what was wrong with them. */
  caches: BuildCache[]
  cacheProblems: string[]
  /** Digests of the base image: of the cache, and of its registry. */
  base: { cached: string; newest: string | null }
}

const baseName = 'docker.io/library/node:24'

/** A local engine and a registry; the id and the digest of an image are made from its labels. */
export function createEngine(): FakeEngine {
  const local = new Map<string, string>()
  const images = new Map<string, Labels>()
  const tags = new Map<string, string>()
  const idOf = (labels: Labels): string =>
    `sha256:${labels['dev.shopctl.inputs']?.slice(0, 12)}${labels['dev.shopctl.bases']?.split('@')[1]}`
  const engine: FakeEngine = {
    ...{ tags, attached: new Map(), kept: new Map(), built: [], fresh: [], sent: [] },
    ...{ writesCache: true, caches: [], cacheProblems: [] },
    base: { cached: 'sha256:old', newest: 'sha256:old' },
    builder: {
      labels: async (reference) => images.get(local.get(reference) ?? '') ?? null,
      writesCache: async () => engine.writesCache,
      async solve({ context, fresh, cache }) {
        engine.caches.push(cache)
        if (fresh) engine.fresh.push(context)
        if (fresh && engine.base.newest) engine.base.cached = engine.base.newest
        const bases = [{ name: baseName, digest: engine.base.cached }]
        return { bases, cacheProblems: engine.cacheProblems }
      },
      async build({ context, labels }) {
        engine.built.push(context)
        const id = idOf(labels)
        images.set(id, labels)
        const bases = [{ name: baseName, digest: engine.base.cached }]
        return { id, bases, cacheProblems: engine.cacheProblems }
      },
      async tag(id, references) {
        for (const reference of references) local.set(reference, id)
      },
      async push(reference) {
        engine.sent.push(reference)
        const digest = local.get(reference) ?? ''
        tags.set(reference, digest)
        return digest
      },
      newestBase: async () => engine.base.newest,
    },
    registry: {
      prepare: async () => false,
      async keep(repository, kept) {
        engine.kept.set(repository, kept)
        return true
      },
      async digest(repository, reference) {
        const found = [...tags].find(
          ([tag, digest]) =>
            tag === `${repository}:${reference}` ||
            (tag.startsWith(`${repository}:`) && digest === reference),
        )
        return found?.[1] ?? null
      },
      labels: async (_, digest) => images.get(digest) ?? {},
      referrers: async (_, digest, artifactType) =>
        (engine.attached.get(digest) ?? [])
          .filter(({ type }) => type === artifactType)
          .map(({ content }) => content),
      async tag(repository, digest, tag) {
        if (![...tags.values()].includes(digest))
          throw refused({ code: 'registry-error', message: `no manifest ${digest}` })
        tags.set(`${repository}:${tag}`, digest)
      },
    },
    pushed: createFakePushRecord(),
  }
  return engine
}

export function createFakePushRecord(): PushRecord {
  const lines: string[] = []
  const digests = (repository: string, inputs: string): string[] =>
    lines
      .map((line) => line.split(' '))
      .filter(([where, what]) => where === repository && what === inputs)
      .map(([, , digest = '']) => digest)
  return {
    last: async (repository, inputs) => digests(repository, inputs).at(-1) || null,
    has: async (repository, inputs, digest) => digests(repository, inputs).includes(digest),
    async add(repository, inputs, digest) {
      lines.push(`${repository} ${inputs} ${digest}`)
    },
    async forget(repository, inputs) {
      lines.push(`${repository} ${inputs} `)
    },
  }
}
