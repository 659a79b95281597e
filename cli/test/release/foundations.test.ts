import { describe, expect, it } from 'vitest'
import { layFoundations, missingSecrets } from '../../src/release/foundations.ts'
import { aConfig, createTree } from '../fakes/config.ts'
import { createFakeProgress, createWorld } from '../fakes/world.ts'

const wanted = {
  postgres: { admin: 'random', order: 'random' },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in shopctl.yaml
  order: { url: 'postgresql://order:${postgres.order}@postgres/order' },
}

describe('secrets', () => {
  const draw = (): string => 'drawn'

  it('are drawn once, and referred to', () => {
    expect(missingSecrets(wanted, {}, draw)).toEqual({
      postgres: { admin: 'drawn', order: 'drawn' },
      order: { url: 'postgresql://order:drawn@postgres/order' },
    })
  })

  it('stay as they are once they exist', () => {
    const existing = { postgres: { admin: 'mine', order: 'p@ss' } }
    expect(missingSecrets(wanted, existing, draw)).toEqual({
      order: { url: 'postgresql://order:p%40ss@postgres/order' },
    })
    expect(missingSecrets(wanted, { ...existing, order: { url: 'mine' } }, draw)).toEqual({})
  })

  it('name a reference that leads nowhere', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in shopctl.yaml
    const broken = { order: { url: '${postgres.odrer}' } }
    expect(() => missingSecrets(broken, {}, draw)).toThrow(/secrets\.order\.url.*postgres\.odrer/)
  })
})

describe('dependencies', () => {
  const lay = async (world: ReturnType<typeof createWorld>, tree = createTree()) => {
    const { cluster, helm, broker, state } = world
    const { signal } = new AbortController()
    const ports = { cluster, helm, broker, source: tree, progress: createFakeProgress(), signal }
    const environment = aConfig().environments.local
    if (!environment) throw new Error('no environment')
    await layFoundations(ports, { ...environment, broker: 'postgres' }, state.records)
    return ports.progress.lines
  }

  it('are installed once, and again when chart or values changed', async () => {
    const world = createWorld(['order'])
    await lay(world)
    await lay(world)
    expect(world.upgrades.map(({ name }) => name)).toEqual(['postgres'])
    const tree = createTree()
    tree.contents['charts/values/postgres.yaml'] = 'size: 2Gi'
    await lay(world, tree)
    expect(world.upgrades).toHaveLength(2)
    expect(world.upgrades[1]).toMatchObject({ chart: 'charts/postgres', wait: true })
  })

  it('of which one is the broker are mended where somebody changed it by hand', async () => {
    const world = createWorld(['order'])
    await lay(world)
    world.broker.has.bindings = []
    const lines = await lay(world)
    expect(lines).toContain('mend postgres')
    expect(lines.join('\n')).toContain('binding events → order by stock.reserved.v1 in vhost /')
    expect(world.upgrades).toHaveLength(2)
    await lay(world)
    expect(world.upgrades).toHaveLength(2)
  })

  it('that are down are named', async () => {
    const world = createWorld(['order'])
    await lay(world)
    world.cluster.statefulSet = async () => ({ ready: 0, replicas: 0 })
    await expect(lay(world)).rejects.toMatchObject({
      code: 'dependency-down',
      exitCode: 2,
      message: expect.stringContaining('postgres is down'),
    })
  })
})
