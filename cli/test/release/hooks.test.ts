// Hooks of each verb: their environment, their refusals, and their records.
import { describe, expect, it } from 'vitest'
import type { HookName, HookScripts } from '../../src/config/hooks.ts'
import { failed, interrupted, refused } from '../../src/errors.ts'
import { hookEnv, hookLines, shownOutput } from '../../src/release/hooks.ts'
import type { Driver } from '../../src/release/ports/driver.ts'
import { operationsOf } from '../../src/release/record.ts'
import { createFakeProbe } from '../fakes/probe.ts'
import {
  createShop,
  interruptedSwitch,
  type Shop,
  hookScripts as scripts,
  withHookScripts,
} from '../fakes/shop.ts'
import { aSide } from '../fakes/state.ts'
import { outcomes } from '../fakes/world.ts'

/** Blue is live, and green waits beside it. */
async function deployed(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  await shop.smoke()
  return withHookScripts(shop)
}

/** The hooks that ran, and the variable of each. */
function ran({ world }: Shop, variable = 'SHOPCTL_HOOK'): string[] {
  return world.programs.scripts.flatMap(({ env }) =>
    env.SHOPCTL_HOOK ? [env[variable] ?? ''] : [],
  )
}

/** The hooks of the last operation, with their exit codes. */
function recordedHooks({ world }: Shop): string[] {
  const last = operationsOf(world.state.journal).at(-1)
  return (last?.hooks ?? []).map(({ hook, exitCode }) => `${hook} ${exitCode}`)
}

/** All that a command could have changed. */
function everything({ world }: Shop): unknown {
  const { state, log, driver, labels, secrets, configMaps } = world
  return structuredClone({ state, log, releases: driver.releases, labels, secrets, configMaps })
}

/** Cannot switch, and can go back. */
const stuck = (shop: Shop): { driver: Driver } => ({
  driver: {
    ...shop.world.driver,
    async movePointers(wanted, mover, signal) {
      if (mover === 'undo') return shop.world.driver.movePointers(wanted, mover, signal)
      throw failed({ code: 'stuck', message: 'amqp://order:s3cr3t@rabbitmq is away' })
    },
  },
})

describe('the hooks of', () => {
  const cases: [string, () => Promise<Shop>, (shop: Shop) => Promise<unknown>, HookName[]][] = [
    [
      'a deploy',
      async () => withHookScripts(createShop()),
      (shop) => shop.deploy(),
      ['pre-deploy', 'post-deploy'],
    ],
    ['a switch', deployed, (shop) => shop.switch(), ['pre-switch', 'post-switch']],
    [
      'a release',
      async () => withHookScripts(createShop()),
      (shop) => shop.release(),
      ['pre-deploy', 'post-deploy', 'pre-switch', 'post-switch'],
    ],
    [
      'a rollback',
      async () => {
        const shop = await deployed()
        await shop.switch()
        shop.world.programs.scripts = []
        return shop
      },
      (shop) => shop.rollback(),
      ['post-rollback'],
    ],
    [
      'a rollback that deploys again',
      async () => {
        const shop = await deployed()
        await shop.switch()
        await shop.cleanup()
        shop.world.programs.scripts = []
        return shop
      },
      (shop) => shop.rollback({ to: 'r-1' }),
      ['post-rollback'],
    ],
    [
      'a resumed switch',
      async () => withHookScripts(await interruptedSwitch()),
      (shop) => {
        shop.world.lock.holder = null
        return shop.resume()
      },
      ['post-switch'],
    ],
    [
      'a rollback that only has to be closed',
      async () => {
        const shop = await deployed()
        await shop.switch()
        const end = () => Promise.reject(new Error('killed'))
        await shop.rollback({}, { journal: { ...shop.world.journal, end } }).catch(() => {})
        shop.world.programs.scripts = []
        return shop
      },
      (shop) => shop.resume(),
      ['post-rollback'],
    ],
    [
      'a deploy with nothing to do',
      async () => {
        const shop = createShop()
        await shop.release()
        return withHookScripts(shop)
      },
      (shop) => shop.deploy(),
      [],
    ],
    [
      'a switch that fails',
      deployed,
      (shop) => shop.switch({}, stuck(shop)).catch(() => {}),
      ['pre-switch', 'on-failure'],
    ],
    [
      'a release whose smoke test fails',
      async () => withHookScripts(createShop()),
      (shop) => {
        shop.world.programs.failing.add('order/smoke.ts')
        return shop.release().catch(() => {})
      },
      ['pre-deploy', 'post-deploy', 'on-failure'],
    ],
    [
      'a deploy that is refused',
      async () => withHookScripts(createShop()),
      (shop) => shop.deploy({}, { driver: refusing(shop) }).catch(() => {}),
      [],
    ],
  ]
  it.each(cases)('%s', async (_, scene, act, expected) => {
    const shop = await scene()
    await act(shop)
    expect(ran(shop)).toEqual(expected)
  })

  function refusing({ world }: Shop): Driver {
    const recorded = async () => {
      throw refused({ code: 'no', message: 'no', hint: 'no' })
    }
    return { ...world.driver, recorded }
  }
})

it('run while nothing is written before a change, and without the lock after it', async () => {
  const shop = await deployed()
  const { world } = shop
  const before = everything(shop)
  const seen: string[] = []
  world.programs.onHook = (file) => {
    if (file === scripts['pre-switch']) expect(everything(shop)).toEqual(before)
    seen.push(`${file} ${world.lock.holder ? 'locked' : 'free'} ${shop.live('order')}`)
  }
  await shop.switch()
  expect(seen).toEqual([
    'hooks/pre-switch.mjs locked blue 1a2b3c4d',
    'hooks/post-switch.mjs free green bbbbbbbb',
  ])
})

it('the probe sends nothing while a hook runs', async () => {
  const shop = await deployed()
  const probe = createFakeProbe(shop.world.clock, () => ({}))
  const sending: number[] = []
  shop.world.programs.onHook = () => void sending.push(probe.running.size)
  await shop.switch({}, { probe })
  expect([sending, probe.starts]).toEqual([[0, 0], 2])
})

describe('a hook before a change', () => {
  const verbs: [string, 'pre-deploy' | 'pre-switch', () => Promise<Shop>][] = [
    [
      'deploy',
      'pre-deploy',
      async () => {
        const shop = withHookScripts(createShop())
        // The images are pushed, and the namespace is there.
        shop.world.programs.failing.add(scripts['pre-deploy'])
        await shop.deploy().catch(() => {})
        return shop
      },
    ],
    ['switch', 'pre-switch', deployed],
  ]
  it.each(verbs)(
    'of a %s refuses it with its words, and nothing is written',
    async (verb, hook, scene) => {
      const shop = await scene()
      shop.world.programs.failing.add(scripts[hook])
      const before = everything(shop)
      const act = verb === 'deploy' ? shop.deploy() : shop.switch()
      await expect(act).rejects.toMatchObject({
        ...{ exitCode: 2, code: 'hook-refused' },
        message: `The hook ${hook} (${scripts[hook]}) ended with exit code 1:\nexpected 200, got 503`,
        hint: expect.stringContaining(`hooks.${hook}`),
      })
      expect(everything(shop)).toEqual(before)
      expect(ran(shop)).not.toContain('on-failure')
      expect(shop.world.lock.holder).toBeNull()
    },
  )

  it('refuses it too when it cannot be started, or takes too long', async () => {
    const shop = await deployed()
    const hook = async () => {
      throw failed({ code: 'timed-out', message: 'a.mjs did not end within 30 s' })
    }
    const programs = { ...shop.world.programs, hook }
    const before = everything(shop)
    await expect(shop.switch({}, { programs })).rejects.toMatchObject({
      ...{ exitCode: 2, code: 'hook-refused' },
      message: expect.stringContaining('did not run to its end: a.mjs did not end within 30 s'),
    })
    expect(everything(shop)).toEqual(before)
  })

  it('is no refusal after Ctrl-C', async () => {
    const shop = await deployed()
    const stopping = new AbortController()
    const hook = async () => {
      stopping.abort()
      throw interrupted()
    }
    const programs = { ...shop.world.programs, hook }
    const switching = shop.switch({}, { signal: stopping.signal, programs })
    await expect(switching).rejects.toMatchObject({ exitCode: 130 })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('of the switch of a release is a failure: the slots are deployed', async () => {
    const shop = withHookScripts(createShop())
    shop.world.programs.failing.add(scripts['pre-switch'])
    await expect(shop.release()).rejects.toMatchObject({ exitCode: 1, code: 'hook-refused' })
    expect(ran(shop).at(-1)).toBe('on-failure')
    expect(shop.live('order')).toBeNull()
  })

  it('of the switch of a release refuses it where nothing had to be deployed', async () => {
    const shop = await deployed()
    shop.world.programs.failing.add(scripts['pre-switch'])
    await expect(shop.release()).rejects.toMatchObject({ exitCode: 2, code: 'hook-refused' })
    expect(ran(shop)).toEqual(['pre-switch'])
  })

  it('is followed by all checks once more', async () => {
    const shop = await deployed()
    const { order } = shop.world.state.services
    shop.world.programs.onHook = () => {
      if (order?.slots.green) order.slots.green.ready = 0
    }
    await expect(shop.switch()).rejects.toMatchObject({ exitCode: 2, code: 'slot-not-ready' })
  })

  it('has agreed to one change, and to no other', async () => {
    const shop = await deployed()
    const { order } = shop.world.state.services
    shop.world.programs.onHook = () => {
      if (order?.slots.green) order.slots.green.version = 'another'
    }
    await expect(shop.switch()).rejects.toMatchObject({ exitCode: 2, code: 'changed-meanwhile' })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })
})

describe('a hook after a change', () => {
  it('undoes nothing when it fails: a warning, in the record too', async () => {
    const shop = await deployed()
    shop.world.programs.failing.add(scripts['post-switch'])
    await shop.switch()
    expect(shop.live('order')).toBe('green bbbbbbbb')
    expect(outcomes(shop.world).at(-1)).toBe('r-2 done')
    expect(recordedHooks(shop)).toEqual(['pre-switch 0', 'post-switch 1'])
    expect(shop.world.progress.lines).toContain(
      '! The hook post-switch (hooks/post-switch.mjs) ended with exit code 1:\nexpected 200, got 503',
    )
  })

  it('keeps what the record has got since its end', async () => {
    const shop = await deployed()
    const { journal } = shop.world.state
    shop.world.programs.onHook = () => {
      const last = journal.closed.at(-1)
      if (last?.verb === 'switch') last.withoutProbe = 'amended meanwhile'
    }
    await shop.switch()
    expect(journal.closed.at(-1)).toMatchObject({ withoutProbe: 'amended meanwhile' })
    expect(recordedHooks(shop)).toEqual(['pre-switch 0', 'post-switch 0'])
  })

  it('of a rollback may be missing, or have no record', async () => {
    const shop = await deployed()
    await shop.switch()
    const { world } = shop
    delete world.source.contents[scripts['post-rollback']]
    const journal = {
      ...world.journal,
      async amend() {
        throw new Error('no answer')
      },
    }
    await shop.rollback({}, { journal })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(world.progress.lines.at(-1)).toBe(
      '! The record of r-3 does not have its hook post-rollback: no answer',
    )
  })

  it('of the watch follows its rollback', async () => {
    const shop = await deployed()
    await shop.switch()
    await shop.rollback({ only: 'r-2', reason: 'watch of r-2: 5xx' })
    expect(ran(shop, 'SHOPCTL_REASON').at(-1)).toBe('watch of r-2: 5xx')
    expect(ran(shop).at(-1)).toBe('post-rollback')
  })
})

it('after a failure gets the error without its logins, and the error stays', async () => {
  const shop = await deployed()
  const switching = shop.switch({}, stuck(shop))
  await expect(switching).rejects.toMatchObject({ exitCode: 1, code: 'stuck' })
  expect(ran(shop, 'SHOPCTL_ERROR').at(-1)).toBe('amqp://***@rabbitmq is away')
  expect(outcomes(shop.world).at(-1)).toBe('r-2 undone')
  expect(recordedHooks(shop)).toEqual(['pre-switch 0', 'on-failure 0'])
})

it('shows what a hook has printed, and records it', async () => {
  const shop = await deployed()
  shop.world.programs.outputs[scripts['pre-switch']] = 'the calendar is free\n'
  await shop.switch()
  const { lines } = shop.world.progress
  const at = lines.indexOf('hook pre-switch hooks/pre-switch.mjs')
  expect(lines[at + 1]).toBe('the calendar is free')
  expect(shop.world.state.journal.closed.at(-1)?.hooks?.[0]).toEqual({
    ...{ hook: 'pre-switch', script: 'hooks/pre-switch.mjs', exitCode: 0, tookMs: 0 },
    output: 'the calendar is free',
  })
})

it.each<[string, (shop: Shop) => Promise<unknown>]>([
  ['deploy', (shop) => shop.deploy()],
  ['switch', (shop) => shop.switch()],
  ['release', (shop) => shop.release()],
  ['switch --dry-run', (shop) => shop.preview.switch()],
])('%s is refused while a script of a hook is missing', async (_, act) => {
  const shop = await deployed()
  delete shop.world.source.contents[scripts['on-failure']]
  const before = everything(shop)
  await expect(act(shop)).rejects.toMatchObject({
    ...{ exitCode: 2, code: 'script-missing' },
    message: 'shopctl.yaml:1:1: hooks.on-failure: there is no script hooks/on-failure.mjs.',
  })
  expect(everything(shop)).toEqual(before)
})

it('--dry-run names them, and runs none', async () => {
  const shop = await deployed()
  const { plan } = await shop.preview.switch()
  expect(plan?.hooks).toEqual(hookLines({ scripts }, 'switch'))
  expect(ran(shop)).toEqual([])
})

describe('a plan', () => {
  it.each<['deploy' | 'switch' | 'rollback', HookScripts, string[]]>([
    ['deploy', {}, []],
    ['deploy', scripts, ['pre-deploy', 'post-deploy', 'on-failure']],
    ['switch', scripts, ['pre-switch', 'post-switch', 'on-failure']],
    ['rollback', scripts, ['post-rollback', 'on-failure']],
  ])('of a %s names its hooks', (verb, given, expected) => {
    const lines = hookLines({ scripts: given }, verb)
    expect(lines.map((line) => line.split(' ')[2])).toEqual(expected)
  })

  it('says when each runs', () => {
    expect(hookLines({ scripts }, 'switch')).toEqual([
      'The hook pre-switch (hooks/pre-switch.mjs) runs first, and may refuse it.',
      'The hook post-switch (hooks/post-switch.mjs) runs afterwards.',
      'The hook on-failure (hooks/on-failure.mjs) runs if it fails.',
    ])
  })
})

describe('the environment of a hook', () => {
  const settings = { env: 'local', namespace: 'shop' }
  const [from, to] = [aSide('blue', 'a'), aSide('green', 'b')]
  const services = [
    { name: 'order', from, to, proof: { endpointsMs: 7 } },
    { name: 'web', from: null, to },
  ]
  const none = { release: null, error: null }

  it('has the change, and nothing else', () => {
    const change = { reason: 'because', services }
    const facts = { hook: 'post-switch', verb: 'release', change, ...none } as const
    const { SHOPCTL_CHANGES, ...rest } = hookEnv(settings, { ...facts, release: 'r-7' })
    expect(rest).toEqual({
      ...{ SHOPCTL_HOOK: 'post-switch', SHOPCTL_VERB: 'release', SHOPCTL_ENV: 'local' },
      ...{ SHOPCTL_NAMESPACE: 'shop', SHOPCTL_RELEASE: 'r-7', SHOPCTL_REASON: 'because' },
      ...{ SHOPCTL_SERVICES: 'order,web', SHOPCTL_ERROR: '' },
    })
    expect(JSON.parse(SHOPCTL_CHANGES ?? '')).toEqual({
      order: { from, to },
      web: { from: null, to },
    })
  })

  it('is empty where there is nothing to say', () => {
    const change = { reason: null, services: [] }
    const facts = { hook: 'pre-deploy', verb: 'deploy', change, ...none } as const
    expect(hookEnv(settings, facts)).toMatchObject({
      ...{ SHOPCTL_RELEASE: '', SHOPCTL_REASON: '', SHOPCTL_SERVICES: '', SHOPCTL_CHANGES: '{}' },
    })
  })
})

describe('the output of a hook', () => {
  const lines = (count: number, text = '') =>
    Array.from({ length: count }, (_, at) => `${at}${text}`)
  it.each([
    ['is trimmed', ' a\n\n', 'a'],
    ['has at most 20 lines', lines(30).join('\n'), lines(30).slice(10).join('\n')],
    ['has no logins', 'to amqp://a:b@c', 'to amqp://***@c'],
    ['has no tokens', 'Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
    [
      'has no styles and control characters',
      '\u001b[31mred\u001b[0m\u0007\u0000 1%\r2%',
      'red 1%\n2%',
    ],
  ])('%s', (_, text, expected) => {
    expect(shownOutput(text)).toBe(expected)
  })

  it('has at most 2000 characters, the last ones', () => {
    const shown = shownOutput(lines(19, 'x'.repeat(500)).join('\n'))
    expect(shown).toHaveLength(2_000)
    expect(shown).toMatch(/^…x.*\n18x+$/s)
  })
})
