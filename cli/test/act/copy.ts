// The copy of this repository that the workflows run in. It differs from the original where this file says so.
import { cp, glob, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { copyTree, type Tree } from '../real/shop.ts'

export interface Copy extends Tree {
  /** Of what was edited since. */
  commit(): Promise<void>
}

export const repository = 'acme/shop'
/** The only test of the copy. */
export const onlyTest = 'cli/test/only.test.ts'
/** Environments of the copy, in the cluster of this machine. */
export const environments = ['staging', 'production'] as const
export const namespaceOf = (environment: string): string => `shop-of-${environment}`

const shell = createShell()

export async function makeCopy(): Promise<Copy> {
  const tree = await copyTree()
  const git = (...args: string[]): Promise<string> => {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
    return shell.check({ program: 'git', args: [...identity, ...args], cwd: tree.dir })
  }
  const commit = async (): Promise<void> => {
    await git('add', '--all')
    await git('commit', '--quiet', '--message', 'A change')
  }
  // A link to the packages of the original, which `npm ci` of a job would delete.
  await rm(join(tree.dir, 'node_modules'))
  await git('remote', 'add', 'origin', `https://github.com/${repository}`)
  await leaveOutKeys(tree.dir)
  await leaveOutTests(tree)
  await addEnvironments(tree)
  await commit()
  return { ...tree, commit }
}

/** act refuses them. They are checked as data, by cli/test/workflows. */
async function leaveOutKeys(dir: string): Promise<void> {
  const keys = /^ *(queue: max|deployment: false|artifact-metadata: .*)\n/gm
  for await (const file of glob(join(dir, '.github/workflows/*.yml')))
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll(keys, ''))
}

/** All of them need an hour. */
async function leaveOutTests({ dir, edit }: Tree): Promise<void> {
  for await (const file of glob('{cli,services}/**/*.test.ts', { cwd: dir }))
    await rm(join(dir, file))
  const lines = [`import { expect, it } from 'vitest'`, '', `it('holds', () => expect(1).toBe(1))`]
  await writeFile(join(dir, onlyTest), `${lines.join('\n')}\n`)
  await edit('vitest.config.ts', 'test: {', 'test: {\n    passWithNoTests: true,')
}

/** They ask for little of the processors, since other environments may be there too. */
async function addEnvironments({ dir, append }: Tree): Promise<void> {
  const little = 'resources: { requests: { cpu: 5m } }\n'
  for (const dependency of ['postgres', 'rabbitmq'])
    await append(`charts/values/${dependency}.yaml`, little)
  for (const environment of environments) {
    const values = join('charts/values', environment)
    await cp(join(dir, 'charts/values/test'), join(dir, values), { recursive: true })
    // The port of `order` belongs to the environment `test`.
    for (const service of ['order', 'inventory', 'payment'])
      await writeFile(join(dir, values, `${service}.yaml`), '')
    for (const service of ['order', 'inventory', 'payment', 'notification'])
      await append(join(values, `${service}.yaml`), `replicas: 1\n${little}`)
    await append('shopctl.yaml', environmentText(environment))
  }
}

function environmentText(environment: string): string {
  return `
  ${environment}:
    cluster: embedded
    namespace: ${namespaceOf(environment)}
    protected: true
    podSecurity: restricted
    secrets: *secrets
    dependencies: *dependencies
    broker: rabbitmq
`
}
