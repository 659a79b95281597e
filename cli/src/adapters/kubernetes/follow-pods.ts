// Follows the logs of pods, also of those that start meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import { said } from '../../errors.ts'
import type { RawLine } from '../../release/ports/logs.ts'
import { isDenied } from './api.ts'
import { type ReadEach, type Source, sinceOption } from './container-log.ts'

/** New lines are handed over, and every tenth time new pods are looked for. */
const waitMs = 200
const looksEvery = 10

interface Following {
  matches(text: string): boolean
  readEach: ReadEach
  signal: AbortSignal
}

/** A run of a container that is followed no more. */
interface Stopped {
  pod: string
  from: Date | null
  /** The log came to an end: the container ended, or the API server ends a long connection. */
  isWhole: boolean
}

/** Follows each run of a container. One that starts later is found by looking again. */
export async function* followPods(
  sources: () => Promise<Source[]>,
  since: Date | null,
  { matches, readEach, signal }: Following,
): AsyncGenerator<RawLine | string> {
  const found: (RawLine | string)[] = []
  const say = createProblems((problem) => found.push(problem))
  const stopped = new Map<string, Stopped>()
  const followed = new Set<string>()
  let denial: unknown = null
  const leave = new AbortController()
  const ended = AbortSignal.any([signal, leave.signal])
  const follow = async (source: Source, from: Date | null): Promise<void> => {
    const { id, pod } = source
    let last = from
    let hasLines = false
    const put = (line: RawLine): void => {
      if (line.time !== '') last = new Date(line.time)
      hasLines = true
      if (matches(line.text)) found.push(line)
    }
    const options = { ...sinceOption(from), follow: 'true' }
    try {
      const note = await readEach(source, options, put, ended)
      // A connection that breaks is made again, and no line is lost.
      say(id, hasLines ? null : note)
      stopped.set(id, { pod, from: last, isWhole: note === null })
    } catch (error) {
      denial ??= error
    }
  }
  const look = async (isFirst: boolean): Promise<void> => {
    for (const source of await sources()) {
      const { id, previous, isRunning } = source
      const before = stopped.get(id)
      const isOver = before?.isWhole && !isRunning
      if (previous || isOver || (followed.has(id) && !before)) continue
      followed.add(id)
      stopped.delete(id)
      const first = isFirst ? since : null
      void follow(source, before ? before.from : first)
    }
    for (const [id, { pod }] of stopped) {
      found.push(`${pod} has ended`)
      stopped.delete(id)
    }
  }
  let isFirst = true
  try {
    let waited = 0
    while (!signal.aborted) {
      if (waited % looksEvery === 0) {
        const problem = await look(isFirst).then(() => null, lookProblem)
        say('pods', problem)
        if (problem === null) isFirst = false
      }
      waited += 1
      await sleep(waitMs)
      yield* found.splice(0)
      if (denial !== null && !signal.aborted) throw denial
    }
  } finally {
    leave.abort()
  }
}

function lookProblem(error: unknown): string {
  if (isDenied(error)) throw error
  return `The pods cannot be listed: ${said(error)}`
}

/** Hands on each problem when it begins. null: all is well again. */
function createProblems(
  begins: (problem: string) => void,
): (of: string, problem: string | null) => void {
  const latest = new Map<string, string | null>()
  return (of, problem) => {
    if (problem !== null && problem !== latest.get(of)) begins(problem)
    latest.set(of, problem)
  }
}
