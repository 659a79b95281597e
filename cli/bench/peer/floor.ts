// The floor: nothing but a write of each Service's selector, all at once, from a client that is already connected.
import {
  CoreV1Api,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node'
import { other } from '../../test/real/shop.ts'
import type { Tool } from './move.ts'
import {
  type Color,
  imagesOf,
  liveColor,
  type Shop,
  settleShop,
  shopNamespace,
  versions,
} from './shopctl.ts'
import { type Commands, deploymentsOf, podsWith, urlsOf } from './tools.ts'

type Selector = Record<string, string>

/** Of a slot, the labels by which a Service selects it. */
async function selectorOf(commands: Commands, name: string, color: Color): Promise<Selector> {
  const deployments = await deploymentsOf(commands, shopNamespace)
  const slot = deployments.find(({ metadata }) => metadata?.name === `${name}-${color}`)
  const labels = slot?.spec?.template.metadata?.labels ?? {}
  const keys = ['shopctl.dev/color', 'shopctl.dev/revision']
  return Object.fromEntries(keys.map((key) => [key, labels[key] ?? '']))
}

/** It moves shopctl's own Services. A switch and a rollback leave them as they were. */
export function floorTool(commands: Commands, shop: Shop, config: KubeConfig): Tool {
  const api = config.makeApiClient(CoreV1Api)
  const options = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
  return {
    name: 'bare patch',
    // Nobody asks the clients to connect anew, so that waiting is of no use.
    patienceMs: 5_000,
    async prepare({ services }) {
      const color = await liveColor(shop, services)
      const to = other(color)
      const patches = await Promise.all(
        services.map(async (name) => ({
          name,
          namespace: shopNamespace,
          body: { spec: { selector: await selectorOf(commands, name, to) } },
        })),
      )
      // Opens the connections.
      const read = services.map((name) =>
        api.readNamespacedService({ name, namespace: shopNamespace }),
      )
      await Promise.all(read)
      return {
        namespace: shopNamespace,
        urls: await urlsOf(commands, shopNamespace, services),
        from: versions[color],
        to: versions[to],
        pods: await podsWith(commands, shopNamespace, imagesOf(shop, services, to)),
        run: () => Promise.all(patches.map((patch) => api.patchNamespacedService(patch, options))),
      }
    },
    settle: () => settleShop(commands),
  }
}
