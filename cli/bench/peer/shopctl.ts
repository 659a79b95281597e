// Four services that know nothing of shopctl, each with one version in the blue slot and another in the green one; and
// shopctl as the tool that moves between them.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { V1Container } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { other, releaseHolds, root, type Status } from '../../test/real/shop.ts'
import type { Tool } from './move.ts'
import { type Commands, deploymentsOf, launcher, podsWith, settled, urlsOf } from './tools.ts'

export const serviceNames = ['web1', 'web2', 'web3', 'web4'] as const
export const shopNamespace = 'peer-shopctl'
/** What a pod of each slot answers. No slot is deployed again, so this stays. */
export const versions = { blue: 'version 1', green: 'version 2' } as const
export type Color = keyof typeof versions
export const replicas = 2

export interface Shop {
  /** Of a service: the container of each slot. Both differ by the image alone. */
  containers: ReadonlyMap<string, Record<Color, V1Container>>
  /** Runs shopctl in the shop's folder; it must succeed. Resolves to stdout. */
  shopctl(...args: string[]): Promise<string>
  /** Deletes the folder; the namespace stays. */
  remove(): Promise<void>
}

const config = {
  name: 'peer',
  services: Object.fromEntries(
    serviceNames.map((name) => [
      name,
      {
        chart: 'web/chart',
        build: { context: 'web', inputs: ['web/Dockerfile', 'web/server.mjs'] },
      },
    ]),
  ),
  environments: { local: { cluster: 'embedded', namespace: shopNamespace } },
}

/** Builds and deploys both versions. Blue is live then. */
export async function createShop(commands: Commands): Promise<Shop> {
  const folder = await mkdtemp(join(tmpdir(), 'peer-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    return { ...(await releaseBoth(commands, folder)), remove }
  } catch (error) {
    await remove()
    throw error
  }
}

async function releaseBoth(commands: Commands, folder: string): Promise<Omit<Shop, 'remove'>> {
  const { shell } = commands
  const run = (program: string, ...args: string[]): Promise<string> =>
    shell.check({ program, args, cwd: folder })
  const shopctl = (...args: string[]): Promise<string> => run(process.execPath, launcher, ...args)
  const commit = async (message: string): Promise<void> => {
    const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com']
    await run('git', 'add', '--all')
    await run('git', ...author, 'commit', '--quiet', '--message', message)
  }
  const release = async (...verbs: string[]): Promise<void> => {
    for (const verb of verbs) await shopctl(verb)
  }
  const template = join(root, 'templates/service-http')
  await cp(template, join(folder, 'web'), { recursive: true })
  await writeFile(join(folder, 'shopctl.yaml'), stringify(config))
  await run('git', 'init', '--quiet')
  await commit('Version 1')
  await release('build', 'push', 'deploy', 'smoke', 'switch')

  const server = join(folder, 'web/server.mjs')
  const source = await readFile(server, 'utf8')
  await writeFile(server, source.replace(versions.blue, versions.green))
  await commit('Version 2')
  await release('build', 'push', 'deploy')
  return { containers: await containersOf(commands), shopctl }
}

async function containersOf(commands: Commands): Promise<Shop['containers']> {
  const deployments = await deploymentsOf(commands, shopNamespace)
  const of = (name: string, color: Color): V1Container => {
    const found = deployments.find(({ metadata }) => metadata?.name === `${name}-${color}`)
    const container = found?.spec?.template.spec?.containers[0]
    if (!container) throw new Error(`${name}-${color} is not deployed`)
    return container
  }
  return new Map(
    serviceNames.map((name) => [name, { blue: of(name, 'blue'), green: of(name, 'green') }]),
  )
}

/** The images of a slot, by service. */
export function imagesOf(
  { containers }: Shop,
  names: readonly string[],
  color: Color,
): Set<string> {
  return new Set(names.map((name) => containers.get(name)?.[color].image ?? ''))
}

/** The one slot that is live in all of these services. */
export async function liveColor({ shopctl }: Shop, names: readonly string[]): Promise<Color> {
  const { services } = JSON.parse(await shopctl('status', '--json')) as Status
  const colors = new Set(names.map((name) => services[name]?.active))
  const [color] = colors
  if (colors.size !== 1 || !color) throw new Error(`${names.join(', ')} are not live in one color`)
  return color
}

export function settleShop(commands: Commands): Promise<void> {
  return settled(commands, shopNamespace, serviceNames.length * 2 * replicas)
}

export function shopctlTool(commands: Commands, shop: Shop): Tool {
  return {
    name: 'shopctl',
    // It restarts the old slot, one pod after the other.
    patienceMs: 60_000,
    async prepare({ verb, services }) {
      const which = ['--service', services.join(',')]
      const color = await liveColor(shop, services)
      // The smoke test belongs to the preparation, as the start of the new pods does. The last rollback put them on hold.
      if (verb === 'switch') {
        await releaseHolds((args) => shop.shopctl(...args))
        await shop.shopctl('smoke', ...which)
      }
      const images = imagesOf(shop, services, other(color))
      return {
        namespace: shopNamespace,
        urls: await urlsOf(commands, shopNamespace, services),
        from: versions[color],
        to: versions[other(color)],
        pods: await podsWith(commands, shopNamespace, images),
        // A rollback undoes the last switch, which was of the same services.
        run: () => shop.shopctl(verb, ...(verb === 'switch' ? which : [])),
      }
    },
    settle: () => settleShop(commands),
  }
}
