// At a breach, asks the live slot and the old one the same. What fails in both has its cause outside.
import type { Config } from '../../config/schema.ts'
import { said } from '../../errors.ts'
import { requireService } from '../build/images.ts'
import type { Pods, Traffic } from '../ports/cluster.ts'
import type { Programs } from '../ports/project.ts'
import type { Side } from '../slot.ts'
import { targetOf } from '../slot.ts'

export interface AskPorts {
  pods: Pods
  traffic: Traffic
  programs: Programs
  signal: AbortSignal
}

/** A service that was moved from one slot to another. */
export interface Moved {
  name: string
  from: Side
  to: Side
}

interface Answer {
  /** `unasked`: it could not be tested. */
  state: 'well' | 'failed' | 'unasked'
  /** Why it is not well. */
  why: string
  /** The last line of its smoke script, which may hold secrets. null: there is none. */
  printed: string | null
}

export interface Asked {
  isOutside: boolean
  /** What the slots have answered, in words. */
  what: string
  /** What smoke scripts have printed: for the terminal only. */
  printed: string[]
}

/** A test that takes longer has failed. */
const limitMs = 15_000

/** Moves nothing: each test goes to one pod, at its preview port. As soon as one slot is well, it waits for no other. */
export async function askSlots(
  ports: AskPorts,
  { config, namespaceName }: { config: Config; namespaceName: string },
  services: readonly Moved[],
): Promise<Asked> {
  const ending = new AbortController()
  const signal = AbortSignal.any([ports.signal, ending.signal, AbortSignal.timeout(limitMs)])
  const asked = services.flatMap(({ name, from, to }) =>
    [from, to].map(async (side) => {
      const answer = await askSlot({ ...ports, signal }, { config, namespaceName }, name, side)
      const slot = `${name} ${side.color}`
      return { ...answer, slot, who: `${slot} (${side === from ? 'old' : 'live'})` }
    }),
  )
  try {
    return await new Promise<Asked>((resolve, reject) => {
      for (const each of asked)
        each.then(({ state, who, why }) => {
          const inside = (what: string) => resolve({ isOutside: false, what, printed: [] })
          if (state === 'well') inside(`${who} passes its test`)
          if (state === 'unasked') inside(`${who} could not be tested: ${why}`)
        }, reject)
      Promise.all(asked).then((all) => {
        const what = all.map(({ who, why }) => `${who}: ${why}`).join('; ')
        const printed = all.flatMap((each) =>
          each.printed === null ? [] : [`${each.slot}: ${each.printed}`],
        )
        resolve({ isOutside: all.length > 0, what, printed })
      }, reject)
    })
  } finally {
    ending.abort()
  }
}

async function askSlot(
  ports: AskPorts,
  { config, namespaceName }: { config: Config; namespaceName: string },
  name: string,
  side: Side,
): Promise<Answer> {
  try {
    const [pod] = await ports.pods.list(name, targetOf(side))
    if (pod === undefined) return unasked('it has no pods')
    const login = ports.pods.reports(name)
      ? ((await ports.pods.report(name, pod, { login: 'now' }))?.login ?? null)
      : null
    // Reported by a pod that answers: nothing else has to be tried.
    if (login && login.state !== 'ok')
      return failing(`cannot log in: ${login.problem ?? login.state}`)
    return await smokePod(ports, { config, namespaceName }, { name, side, pod })
  } catch (error) {
    return unasked(said(error))
  }
}

function unasked(why: string): Answer {
  return { state: 'unasked', why, printed: null }
}

function failing(why: string, printed: string | null = null): Answer {
  return { state: 'failed', why, printed }
}

async function smokePod(
  { traffic, programs, signal }: AskPorts,
  { config, namespaceName }: { config: Config; namespaceName: string },
  { name, side, pod }: { name: string; side: Side; pod: string },
): Promise<Answer> {
  const way = await traffic.openPod(name, pod)
  if (!way) return unasked('it has no port that the preview Service leads to')
  const { smoke: script, health } = requireService(config, name)
  const { color, version, revision } = side
  try {
    const answer =
      script === undefined
        ? healthAnswer(await traffic.status(`${way.url}${health}`, signal), health)
        : await scriptAnswer(programs, signal, script, {
            SHOPCTL_SERVICE: name,
            SHOPCTL_COLOR: color,
            SHOPCTL_VERSION: version,
            SHOPCTL_REVISION: revision,
            SHOPCTL_PREVIEW_URL: way.url,
            SHOPCTL_NAMESPACE: namespaceName,
          })
    return answer.state === 'failed' && way.isDenied()
      ? unasked('you may not send requests to its pods')
      : answer
  } finally {
    await way.close()
  }
}

const well: Answer = { state: 'well', why: '', printed: null }

function healthAnswer(answer: number | string, health: string): Answer {
  return typeof answer === 'number' && answer < 400 ? well : failing(`GET ${health}: ${answer}`)
}

async function scriptAnswer(
  programs: Programs,
  signal: AbortSignal,
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Answer> {
  try {
    const { exitCode, output } = await programs.script(script, env, signal)
    if (exitCode === 0) return well
    const printed = output.trim().split('\n').at(-1)?.slice(0, 200) || `exit code ${exitCode}`
    return failing('its smoke script failed', printed)
  } catch (error) {
    return failing(signal.aborted ? `no answer within ${limitMs / 1_000} s` : said(error))
  }
}
