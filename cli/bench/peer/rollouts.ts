// Argo Rollouts: its controller as a process of this machine, limited to one namespace, and blue-green Rollouts of the same
// containers. It is as it comes, but for `autoPromotionEnabled: false`: so that the switch happens when it is asked for.
import { createServer } from 'node:net'
import { failed } from '../../src/errors.ts'
import { other } from '../../test/real/shop.ts'
import type { Prepared, Tool } from './move.ts'
import type { RolloutsPrograms } from './programs.ts'
import { type Color, imagesOf, replicas, type Shop, serviceNames, versions } from './shopctl.ts'
import { type Commands, podsWith, settled, until, urlsOf } from './tools.ts'

export const rolloutsNamespace = 'peer-rollouts'
const kind = 'rollouts.argoproj.io'

interface Rollout {
  metadata: { name: string }
  spec: { template: { spec: { containers: { image: string }[] } } }
  status?: {
    phase?: string
    pauseConditions?: object[]
    currentPodHash?: string
    stableRS?: string
  }
}

export interface Controller {
  /** Throws when the controller has ended. */
  check(): void
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

export async function startController(
  { shell, env, kubeconfig }: Commands,
  { controller }: RolloutsPrograms,
): Promise<Controller> {
  const stopping = new AbortController()
  const lines: string[] = []
  let ended = false
  const ports = await Promise.all([freePort(), freePort()])
  const running = shell
    .run(
      {
        program: controller,
        args: [
          '--namespaced',
          `--namespace=${rolloutsNamespace}`,
          `--kubeconfig=${kubeconfig}`,
          '--leader-elect=false',
          '--loglevel=warn',
          `--metricsPort=${ports[0]}`,
          `--healthzPort=${ports[1]}`,
        ],
        env,
        signal: stopping.signal,
        keepOutput: false,
      },
      (line) => {
        lines.push(line)
        lines.splice(0, lines.length - 12)
      },
    )
    .catch(() => {})
    .finally(() => {
      ended = true
    })
  return {
    check() {
      if (!ended) return
      throw failed({
        code: 'controller-ended',
        message: `The controller of Argo Rollouts has ended:\n${lines.join('\n')}`,
      })
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** A Service for each service, and a Rollout that leads it to one version of the same container. */
function objectsOf({ containers }: Shop, color: Color): object {
  const items = serviceNames.flatMap((name) => {
    const labels = { 'app.kubernetes.io/name': name }
    const container = containers.get(name)?.[color]
    return [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
      },
      {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Rollout',
        metadata: { name },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [container] } },
          strategy: { blueGreen: { activeService: name, autoPromotionEnabled: false } },
        },
      },
    ]
  })
  return { apiVersion: 'v1', kind: 'List', items }
}

function isStable({ status }: Rollout): boolean {
  return status?.phase === 'Healthy' && status.stableRS === status.currentPodHash
}

function isPaused({ status }: Rollout): boolean {
  return status?.phase === 'Paused' && (status.pauseConditions ?? []).length > 0
}

/** What is done to Rollouts, apart from the measurement. */
function createHands(commands: Commands, controller: Controller, shop: Shop) {
  const { kubectl, signal } = commands
  let releases = 0
  const list = async (): Promise<Rollout[]> => {
    const text = await kubectl(rolloutsNamespace, ['get', kind, '--output=json'])
    return (JSON.parse(text) as { items: Rollout[] }).items
  }
  const awaitAll = (names: readonly string[], what: string, is: (rollout: Rollout) => boolean) =>
    until(signal, `${names.join(', ')}: ${what}`, async () => {
      controller.check()
      const items = await list()
      return names.every((name) => items.some((each) => each.metadata.name === name && is(each)))
    })
  return {
    awaitAll,

    async colorOf(name: string): Promise<Color> {
      const rollout = (await list()).find(({ metadata }) => metadata.name === name)
      const blue = shop.containers.get(name)?.blue.image
      return rollout?.spec.template.spec.containers[0]?.image === blue ? 'blue' : 'green'
    },

    /**
     * Starts the other version beside the one that is live, as a release that was never there: to Argo Rollouts, a way back
     * is a way to pods of an earlier ReplicaSet.
     */
    async bring(names: readonly string[], color: Color): Promise<void> {
      releases += 1
      const annotations = { 'shopctl.dev/bench': `${releases}` }
      const patches = names.map((name) => {
        const [image = ''] = imagesOf(shop, [name], color)
        const patch = JSON.stringify([
          { op: 'replace', path: '/spec/template/spec/containers/0/image', value: image },
          { op: 'add', path: '/spec/template/metadata/annotations', value: annotations },
        ])
        return kubectl(rolloutsNamespace, ['patch', kind, name, '--type=json', `--patch=${patch}`])
      })
      await Promise.all(patches)
      await awaitAll(names, 'the new version waits for its promotion', isPaused)
    },
  }
}

/** Deploys version 1. Its controller must run. */
export async function createRollouts(
  commands: Commands,
  controller: Controller,
  { plugin }: RolloutsPrograms,
  shop: Shop,
): Promise<Tool> {
  const { shell, env, kubeconfig, kubectl } = commands
  const { awaitAll, colorOf, bring } = createHands(commands, controller, shop)
  /** What `kubectl argo rollouts promote web1` does, for all at once. */
  const plug = (verb: 'promote' | 'undo', names: readonly string[]): Promise<unknown> => {
    const place = [`--namespace=${rolloutsNamespace}`, `--kubeconfig=${kubeconfig}`]
    return Promise.all(
      names.map((name) => shell.check({ program: plugin, args: [verb, name, ...place], env })),
    )
  }
  const preparedAt = async (
    names: readonly string[],
    color: Color,
    run: Prepared['run'],
  ): Promise<Prepared> => ({
    namespace: rolloutsNamespace,
    urls: await urlsOf(commands, rolloutsNamespace, names),
    from: versions[color],
    to: versions[other(color)],
    pods: await podsWith(commands, rolloutsNamespace, imagesOf(shop, names, other(color))),
    run,
  })
  const settle = (): Promise<void> =>
    settled(commands, rolloutsNamespace, serviceNames.length * replicas)
  /** Brings all of these to the version of the last one: one service alone has been switched before. */
  const aligned = async (names: readonly string[]): Promise<Color> => {
    const colors = await Promise.all(names.map(colorOf))
    const color = colors.at(-1) ?? 'blue'
    const others = names.filter((_, n) => colors[n] !== color)
    if (others.length > 0) {
      await bring(others, color)
      await plug('promote', others)
      await awaitAll(others, 'the new version is live', isStable)
      await settle()
    }
    return color
  }
  await kubectl(rolloutsNamespace, ['apply', '--filename=-'], objectsOf(shop, 'blue'))
  await awaitAll(serviceNames, 'the first version is live', isStable)
  return {
    name: 'Argo Rollouts',
    // It ends the old pods after 30 s, by its default `scaleDownDelaySeconds`.
    patienceMs: 45_000,
    async prepare({ verb, services }) {
      controller.check()
      const color = await aligned(services)
      await bring(services, other(color))
      if (verb === 'switch') return preparedAt(services, color, () => plug('promote', services))
      // `undo` is fast while the old pods are still there: in the 30 s after a promotion.
      await plug('promote', services)
      await awaitAll(services, 'the new version is live', isStable)
      return preparedAt(services, other(color), () => plug('undo', services))
    },
    settle,
  }
}
