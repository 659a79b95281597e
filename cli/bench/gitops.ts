// What a release through Argo CD costs, in turns with helm: both environments on one machine, under the same requests.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMap, parseDocument } from 'yaml'
import { startSender } from '../src/adapters/sender.ts'
import { cloneRepo, env, type Repo } from '../test/real/config-repo.ts'
import { applicationOf, ensureGitops, inArgocd } from '../test/real/gitops.ts'
import addArgocd from '../test/real/gitops-setup.ts'
import {
  copyTree,
  kubectlOk,
  other,
  releaseHolds,
  type Status,
  shopctlJson,
  shopctlOk,
  type Tree,
  until,
} from '../test/real/shop.ts'
import { medianOf, type Report, seconds } from './measure.ts'

const rounds = 6
const edges: Record<string, string> = {
  test: 'http://127.0.0.1:31080',
  [env]: 'http://127.0.0.1:32080',
}

export async function benchGitops(report: Report): Promise<void> {
  const removeArgocd = await addArgocd()
  try {
    await ensureGitops()
    const tree = await copyTree()
    await bothSlots(tree).finally(tree.remove)
    await benchMoves(report)
    const repo = await cloneRepo()
    await benchCommits(repo, report).finally(repo.remove)
  } finally {
    await removeArgocd()
  }
}

/** In both environments, all services have a standby slot with another version. */
async function bothSlots(tree: Tree): Promise<void> {
  for (const name of Object.keys(edges)) await releaseHolds(inEnvironment(name))
  await shopctlOk(['release', '--env', 'test'])
  const services = Object.keys((await statusOf(env)).services)
  for (const name of services) await tree.append(`services/${name}/main.ts`, '\n// bench\n')
  for (const verb of ['build', 'push']) await shopctlOk([verb], { cwd: tree.dir })
  for (const name of Object.keys(edges))
    for (const verb of ['deploy', 'smoke'])
      await shopctlOk([verb, '--env', name], { cwd: tree.dir })
}

function inEnvironment(name: string) {
  return async (args: readonly string[]) => (await shopctlOk([...args, '--env', name])).stdout
}

function statusOf(environment: string): Promise<Status> {
  return shopctlJson<Status>(['status', '--env', environment])
}

async function benchMoves(report: Report): Promise<void> {
  const samples: { verb: string; environment: string; last: number; whole: number }[] = []
  for (let round = 0; round < rounds; round++)
    for (const verb of ['switch', 'rollback'])
      for (const environment of Object.keys(edges))
        samples.push({ verb, environment, ...(await move(environment, verb)) })
  for (const verb of ['switch', 'rollback']) {
    for (const part of ['last', 'whole'] as const) {
      const [helm = '', gitops = ''] = Object.keys(edges).map((environment) => {
        const own = samples.filter((each) => each.verb === verb && each.environment === environment)
        return seconds(medianOf(own.map((each) => each[part])))
      })
      const end = part === 'last' ? 'last answer of the old color' : 'end of the command'
      const reach = part === 'last' ? '0.3 s more' : ''
      report(`\`${verb}\` of four services, Enter to ${end}`, `${gitops}, ${helm} with helm`, reach)
    }
  }
}

/** Milliseconds from the start of the command to the last answer of the old color, and to its end. */
async function move(environment: string, verb: string): Promise<{ last: number; whole: number }> {
  const { services } = await statusOf(environment)
  const active = services.order?.active
  // Also forward again after a rollback.
  const which = verb === 'switch' ? ['--service', Object.keys(services).join(',')] : []
  const clock = () => performance.timeOrigin + performance.now()
  let lastAt = 0
  const sender = startSender({
    url: edges[environment] ?? '',
    rate: 100,
    seconds: 60,
    next: () => ({ method: 'GET', path: '/healthz' }),
    onExchange({ color, intendedAt, latencyMs }) {
      if (color === active) lastAt = intendedAt + latencyMs
    },
  })
  await sleep(500)
  const from = clock()
  await shopctlOk([verb, ...which, '--env', environment])
  const whole = clock() - from
  await sleep(500)
  const { failures } = await sender.stop()
  await releaseHolds(inEnvironment(environment))
  if (failures > 0) throw new Error(`${failures} requests failed in a ${verb} in ${environment}`)
  return { last: lastAt - from, whole }
}

/** Commits as somebody makes them by hand, so that Argo CD alone is measured. */
async function benchCommits(repo: Repo, report: Report): Promise<void> {
  const { services } = await statusOf(env)
  const names = Object.keys(services)
  const standbyOf = (name: string) => other(services[name]?.active ?? null)
  const selectors = await timeToSynced(repo, ['services'], {
    [`${env}/services/values.yaml`]: (document) => {
      for (const name of names) {
        const stable = document.getIn(['global', 'selectors', name, 'stable'])
        if (!isMap(stable)) throw new Error(`git has no selector of ${name}`)
        const color = standbyOf(name)
        stable.set('color', color)
        stable.set('revision', services[name]?.slots[color]?.revision)
      }
    },
  })
  report('commit of four selectors → Synced', seconds(selectors), '≤ 5 s')
  await shopctlOk(['rollback', '--env', env]).catch(() => '')
  const now = await statusOf(env)
  const slots = names.map((name) => [name, other(now.services[name]?.active ?? null)] as const)
  const memory = ['shop-slot', 'resources', 'requests', 'memory']
  const changes = slots.map(([name, color]) => [
    `${env}/${name}/${color}/values.yaml`,
    (document: Document) => document.setIn(memory, '129Mi'),
  ])
  const applications = slots.map(([name, color]) => `${name}-${color}`)
  const took = await timeToSynced(repo, applications, Object.fromEntries(changes))
  report('commit of four slots → Synced, with their migrations', seconds(took), '')
}

type Document = ReturnType<typeof parseDocument>

/** Milliseconds from the end of the push until Argo CD has carried out the commit in all of these Applications. */
async function timeToSynced(
  repo: Repo,
  what: readonly string[],
  changes: Record<string, (document: Document) => void>,
): Promise<number> {
  await repo.selectors()
  for (const [file, change] of Object.entries(changes)) {
    const path = join(repo.folder, file)
    const document = parseDocument(await readFile(path, 'utf8'))
    change(document)
    await writeFile(path, document.toString())
  }
  await repo.git('commit', '--quiet', '--all', '--message=By hand')
  await repo.git('push', '--quiet', 'origin', 'HEAD:main')
  const from = performance.now()
  const commit = await repo.git('rev-parse', 'HEAD')
  const names = what.map(applicationOf)
  const target = ['applications.argoproj.io', ...names, inArgocd]
  await kubectlOk('annotate', ...target, 'argocd.argoproj.io/refresh=normal', '--overwrite')
  const fields =
    '{.status.sync.status} {.status.operationState.phase} {.status.operationState.syncResult.revision}'
  const list = names.length > 1 ? String.raw`{range .items[*]}${fields}{"\n"}{end}` : fields
  const wanted = names.map(() => `Synced Succeeded ${commit}`).join('\n')
  await until(
    `${what.join(', ')} synced`,
    async () => (await kubectlOk('get', ...target, `--output=jsonpath=${list}`)).trim() === wanted,
  )
  return performance.now() - from
}
