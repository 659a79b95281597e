// A small system of two services, as shopctl.yaml would describe it.
import { parseConfig } from '../../src/config/parse.ts'
import type { Config } from '../../src/config/schema.ts'
import { failed } from '../../src/errors.ts'
import { isBelow } from '../../src/release/build/inputs.ts'
import type { ImageBuilder, Registry, Source } from '../../src/release/ports/project.ts'

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
  /** Tags by `repository:tag`, digests as values. */
  tags: Map<string, string>
  built: string[]
  pushed: string[]
}

/** A local engine and a registry; a digest is made from the labels of an image. */
export function createEngine(): FakeEngine {
  const local = new Map<string, Readonly<Record<string, string>>>()
  const tags = new Map<string, string>()
  const built: string[] = []
  const pushed: string[] = []
  return {
    tags,
    built,
    pushed,
    builder: {
      inputsOf: async (reference) => local.get(reference)?.['dev.shopctl.inputs'] ?? null,
      async build({ context, tags: names, labels }) {
        built.push(context)
        for (const name of names) local.set(name, labels)
      },
      async push(reference) {
        pushed.push(reference)
        tags.set(reference, `sha256:${local.get(reference)?.['dev.shopctl.inputs']?.slice(0, 12)}`)
      },
    },
    registry: {
      digest: async (repository, tag) => tags.get(`${repository}:${tag}`) ?? null,
      async tag(repository, digest, tag) {
        if (![...tags.values()].includes(digest))
          throw failed({ code: 'registry-error', message: `no manifest ${digest}` })
        tags.set(`${repository}:${tag}`, digest)
      },
    },
  }
}
