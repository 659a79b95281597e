// `platform up --with observability` and its removal: what is run, and what stays on the disk.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Shell } from '../../src/adapters/shell.ts'
import { makeProgramImage } from '../../src/platform/images.ts'
import { embeddedFolder, type Layout, layoutOf } from '../../src/platform/layout.ts'
import { createObservability, programImages } from '../../src/platform/observability.ts'
import { createPlatform } from '../../src/platform/platform.ts'
import { type Item, storedAt } from '../../src/platform/store.ts'
import { createFakeProgress } from '../fakes/host.ts'
import { addFile, linesOf, recordingShell as recording } from './recorded.ts'

let folder: string
let layout: Layout
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'additions-'))
  layout = layoutOf(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** `locked`: the release that a killed helm has left. */
function recordingShell(fails?: string, locked = '') {
  return recording(layout, { answers: { list: locked }, ...(fails && { fails }) })
}

/** The programs of all images, as they are after a build. */
function builtItems(): Item[] {
  const programs = Object.values(programImages)
  return [...new Set(programs.map(([name]) => name))].map((name) => {
    const item: Item = { name, inputs: [], build: async () => {} }
    for (const [of, program] of programs)
      if (of === name) addFile(join(storedAt(layout, item), program), `program ${program}`)
    return item
  })
}

function observabilityWith(shell: Shell) {
  return createObservability({ shell, layout, docker: 'docker' }, () => '/charts/observability')
}

const environments = [
  { name: 'local', namespace: 'shop' },
  { name: 'test', namespace: 'shop-test' },
]

describe('observability', () => {
  it('is installed: images, namespaces, the release; then its pods are waited for', async () => {
    const { ran, shell } = recordingShell()
    const observability = observabilityWith(shell)
    expect(observability.installed()).toBe(false)
    await observability.install(environments, builtItems())

    const pushed = linesOf(ran).filter((line) => line.startsWith('docker push'))
    for (const image of Object.keys(programImages))
      expect(pushed).toContain(`docker push --quiet 127.0.0.1:5000/${image}`)

    const kubeconfig = `--kubeconfig=${layout.kubeconfig}`
    expect(linesOf(ran.slice(-4))).toEqual([
      `kubectl ${kubeconfig} apply --server-side --filename=-`,
      `helm list --pending --short ${kubeconfig} --namespace=observability`,
      [
        'helm upgrade --install observability /charts/observability --force-conflicts',
        `--values=${join(embeddedFolder(), 'observability/values.yaml')}`,
        `--set-json=environments=${JSON.stringify(environments)}`,
        `--set-string=logs.pods=${join(layout.logs, 'pods')}`,
        `--set-string=logs.state=${join(layout.home, 'log-collector')}`,
        `${kubeconfig} --namespace=observability`,
      ].join(' '),
      `kubectl ${kubeconfig} --namespace=observability rollout status statefulset,deployment,daemonset --timeout=120s`,
    ])
    const objects = String(ran.at(-4)?.input ?? '')
      .split('---\n')
      .map((text) => JSON.parse(text))
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Namespace observability',
      'Namespace shop',
      'Namespace shop-test',
    ])
    expect(objects.map(({ metadata }) => metadata.labels)).toEqual([
      { 'pod-security.kubernetes.io/enforce': 'privileged' },
      undefined,
      undefined,
    ])
    expect(observability.installed()).toBe(true)
  })

  it('makes no image a second time', async () => {
    const items = builtItems()
    await observabilityWith(recordingShell().shell).install(environments, items)
    const { ran, shell } = recordingShell()
    await observabilityWith(shell).install(environments, items)
    expect(ran.filter(({ program }) => program === 'docker')).toEqual([])
  })

  it.each([
    ['after a helm that was killed', 'observability', ['list', 'uninstall', 'upgrade']],
    ['as it is', '', ['list', 'upgrade']],
  ])('upgrades a release %s', async (_, locked, verbs) => {
    const { ran, shell } = recordingShell(undefined, locked)
    await observabilityWith(shell).install(environments, builtItems())
    const helm = ran.filter(({ program }) => program.endsWith('/helm'))
    expect(helm.map(({ args }) => args[0])).toEqual(verbs)
  })

  it.each<[string, (items: Item[]) => Promise<void>]>([
    ['installed', (items) => observabilityWith(recordingShell().shell).install([], items)],
    [
      'installed half-way',
      (items) =>
        observabilityWith(recordingShell('upgrade').shell)
          .install([], items)
          .catch(() => {}),
    ],
    [
      'installed, with pods that never were ready',
      (items) =>
        observabilityWith(recordingShell('rollout').shell)
          .install([], items)
          .catch(() => {}),
    ],
    ['not installed', async () => {}],
  ])('is removed with its data where it was %s', async (_, given) => {
    await given(builtItems())
    const collected = join(layout.home, 'log-collector')
    addFile(join(collected, 'place'))
    const { ran, shell } = recordingShell()
    const observability = observabilityWith(shell)
    await observability.remove()
    const kubeconfig = `--kubeconfig=${layout.kubeconfig}`
    expect(linesOf(ran)).toEqual([
      `helm uninstall observability --ignore-not-found --wait --timeout=60s ${kubeconfig} --namespace=observability`,
      `kubectl ${kubeconfig} delete namespace observability --ignore-not-found`,
    ])
    expect(observability.installed()).toBe(false)
    expect(existsSync(collected)).toBe(false)
  })

  it.each<[string, string, boolean]>([
    ['the release was not written', 'upgrade', false],
    ['its pods are not ready', 'rollout', true],
  ])('is installed where %s: %s fails, %s', async (_, fails, installed) => {
    const observability = observabilityWith(recordingShell(fails).shell)
    await expect(observability.install([], builtItems())).rejects.toThrow(`${fails} failed`)
    expect(observability.installed()).toBe(installed)
  })

  it.each(['uninstall', 'delete'])('stays installed until %s is done', async (fails) => {
    await observabilityWith(recordingShell().shell).install([], builtItems())
    const observability = observabilityWith(recordingShell(fails).shell)
    await expect(observability.remove()).rejects.toThrow(`${fails} failed`)
    expect(observability.installed()).toBe(true)
  })
})

it('a stopped platform knows what was added to it', async () => {
  await observabilityWith(recordingShell().shell).install([], builtItems())
  const platform = createPlatform({
    ...{ shell: recordingShell().shell, progress: createFakeProgress(), cacheDir: folder },
    ...{ now: () => 0, observabilityChart: () => '', releasedKinds: [] },
  })
  expect(await platform.status()).toMatchObject({ running: false, with: ['observability'] })
})

describe('the image of a program', () => {
  const made = async (image: string, program: string, ...args: string[]): Promise<string[]> => {
    const { ran, shell } = recordingShell()
    await makeProgramImage({ shell, layout, docker: 'docker' }, image, program, args)
    return linesOf(ran)
  }
  const program = () => join(folder, 'helpers')
  beforeEach(() => addFile(program(), 'v1'))

  it('starts it with the given arguments', async () => {
    const [archived, imported, ...names] = await made('a/b:1', program(), 'serve')
    const archive = join(layout.temporary, 'helpers.tar')
    expect(archived).toBe(`tar --create --file=${archive} --directory=${folder} helpers`)
    expect(imported).toBe(`docker import --change ENTRYPOINT ["/helpers","serve"] ${archive}`)
    expect(names.map((line) => line.replace(/made-\w+/, 'made'))).toEqual([
      'docker tag sha256:1 127.0.0.1:5000/a/b:1',
      'docker push --quiet 127.0.0.1:5000/a/b:1',
      'docker tag sha256:1 127.0.0.1:5000/a/b:made',
      'docker push --quiet 127.0.0.1:5000/a/b:made',
    ])
  })

  it.each<[string, boolean, () => Promise<string[]>]>([
    ['the same', false, () => made('a/b:1', program(), 'x', 'y')],
    ['another tag', true, () => made('a/b:2', program(), 'x', 'y')],
    ['another repository', true, () => made('a/c:1', program(), 'x', 'y')],
    ['other arguments', true, () => made('a/b:1', program(), 'x')],
    ['the same words in other arguments', true, () => made('a/b:1', program(), 'xy')],
    [
      'another program',
      true,
      () => {
        addFile(program(), 'v2')
        return made('a/b:1', program(), 'x', 'y')
      },
    ],
  ])('for %s: is made again %s', async (_, isMade, again) => {
    await made('a/b:1', program(), 'x', 'y')
    expect((await again()).length > 0).toBe(isMade)
  })
})
