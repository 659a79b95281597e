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
}

export interface Asked {
  isOutside: boolean
  /** What the slots have answered, in words. */
  what: string
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
      const isOld = side === from
      return { ...answer, isOld, who: `${name} ${side.color} (${isOld ? 'old' : 'live'})` }
    }),
  )
  try {
    return await new Promise<Asked>((resolve, reject) => {
      for (const each of asked)
        each.then(({ state, who, why }) => {
          if (state === 'well') resolve({ isOutside: false, what: `${who} passes its test` })
          if (state === 'unasked')
            resolve({ isOutside: false, what: `${who} could not be tested: ${why}` })
        }, reject)
      Promise.all(asked).then((all) => {
        const what = all.map(({ who, why }) => `${who}: ${why}`).join('; ')
        resolve({ isOutside: all.length > 0, what })
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
    if (pod === undefined) return { state: 'unasked', why: 'it has no pods' }
    const login = ports.pods.reports(name)
      ? ((await ports.pods.report(name, pod, { login: 'now' }))?.login ?? null)
      : null
    // Reported by a pod that answers: nothing else has to be tried.
    if (login && login.state !== 'ok')
      return { state: 'failed', why: `cannot log in: ${login.problem ?? login.state}` }
    return await smokePod(ports, { config, namespaceName }, { name, side, pod })
  } catch (error) {
    return { state: 'unasked', why: said(error) }
  }
}

async function smokePod(
  { traffic, programs, signal }: AskPorts,
  { config, namespaceName }: { config: Config; namespaceName: string },
  { name, side, pod }: { name: string; side: Side; pod: string },
): Promise<Answer> {
  const way = await traffic.openPod(name, pod)
  if (!way) return { state: 'unasked', why: 'it has no port that the preview Service leads to' }
  const { smoke: script, health } = requireService(config, name)
  const { color, version, revision } = side
  try {
    const why =
      script === undefined
        ? whyOf(await traffic.status(`${way.url}${health}`, signal), health)
        : await failureOf(programs, signal, script, {
            SHOPCTL_SERVICE: name,
            SHOPCTL_COLOR: color,
            SHOPCTL_VERSION: version,
            SHOPCTL_REVISION: revision,
            SHOPCTL_PREVIEW_URL: way.url,
            SHOPCTL_NAMESPACE: namespaceName,
          })
    if (why === null) return { state: 'well', why: '' }
    return way.isDenied()
      ? { state: 'unasked', why: 'you may not send requests to its pods' }
      : { state: 'failed', why }
  } finally {
    await way.close()
  }
}

function whyOf(answer: number | string, health: string): string | null {
  return typeof answer === 'number' && answer < 400 ? null : `GET ${health}: ${answer}`
}

/** null: it passes. */
async function failureOf(
  programs: Programs,
  signal: AbortSignal,
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<string | null> {
  try {
    const { exitCode, output } = await programs.script(script, env, signal)
    if (exitCode === 0) return null
    return output.trim().split('\n').at(-1)?.slice(0, 200) || `exit code ${exitCode}`
  } catch (error) {
    return signal.aborted ? `no answer within ${limitMs / 1_000} s` : said(error)
  }
}
