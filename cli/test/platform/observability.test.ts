// What stands in for public images on the embedded platform, compared with what the chart asks for.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { embeddedFolder } from '../../src/platform/layout.ts'
import { observabilityImage, programImages } from '../../src/platform/observability.ts'
import { type KubernetesObject, pick, render } from '../charts/helm.ts'

const folder = join(embeddedFolder(), 'observability')

interface Container {
  image: string
  args?: string[]
}

function install(): Promise<KubernetesObject[]> {
  const values = parse(readFileSync(join(folder, 'values.yaml'), 'utf8')) as object
  const environments = [{ name: 'local', namespace: 'shop' }]
  return render({
    chart: 'observability',
    release: 'observability',
    values: { ...values, environments },
  })
}

function containersOf({ spec }: KubernetesObject): Container[] {
  const { template } = (spec ?? {}) as { template?: { spec: { containers: Container[] } } }
  return template?.spec.containers ?? []
}

// Another one would be pulled from its registry, which may be out of reach.
it('makes just the images that the chart names', async () => {
  const named = (await install()).flatMap(containersOf).map(({ image }) => image)
  const { repository, tag, also } = observabilityImage
  const made = [`${repository}:${tag}`, ...(also ?? []), ...Object.keys(programImages)]
  expect(new Set(named)).toEqual(new Set(made.map((image) => `docker.io/${image}`)))
})

/** `a_(b|c)` → `a_b`, `a_c`. */
function expand(pattern: string): string[] {
  const [group, names] = /\(([^()]*)\)/.exec(pattern) ?? []
  if (group === undefined || names === undefined) return [pattern]
  return names.split('|').flatMap((name) => expand(pattern.replace(group, name)))
}

it('has just the series that the chart asks kube-state-metrics for', async () => {
  const [state] = containersOf(pick(await install(), 'Deployment', 'kube-state-metrics'))
  const flag = '--metric-allowlist='
  const allowed = state?.args?.find((arg) => arg.startsWith(flag))?.slice(flag.length) ?? ''
  const asked = allowed.split(',').flatMap((each) => expand(each.replace(/^\^|\$$/g, '')))
  const source = readFileSync(join(folder, 'helpers/resources.go'), 'utf8')
  const has = [...source.matchAll(/"(kube_\w+)"/g)].map(([, name]) => name)
  expect(new Set(has)).toEqual(new Set(asked))
})
