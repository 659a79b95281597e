// What people changed in the config repo, without shopctl.
import { isInterrupted, said } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import type {
  ByHand,
  Commit,
  ConfigRepo,
  HandChange,
  HandQuery,
} from '../../release/ports/config-repo.ts'
import { readCommit } from './merge/compare.ts'
import type { CommitFiles } from './merge/sides.ts'
import { type ChangeText, textsOf } from './merge/texts.ts'
import { noteOf } from './messages.ts'
import { servicesIn } from './read.ts'

export interface HandPorts {
  env: string
  repo: Pick<ConfigRepo, 'fetch' | 'hashes' | 'log' | 'read'>
}

/** How many commits are looked at, at most. */
const furthest = 400
/** The same for `status`, which has to be quick. */
const recent = 20

/** Newest first. */
export async function changesByHand(ports: HandPorts, query: HandQuery): Promise<HandChange[]> {
  const { commit: head } = await ports.repo.fetch()
  const changeAt = createReader(ports)
  for (let count = Math.min(query.limit, furthest); ; count = Math.min(count * 4, furthest)) {
    // One more, for what was there before.
    const { commits: found } = await ports.repo.log(head, [ports.env], count + 1)
    const { changes, isAll } = await latest(found, count, query, changeAt)
    if (isAll || found.length <= count || count === furthest) return changes
  }
}

/** Of the first `count` commits. `isAll`: no older commit would be among them. */
async function latest(
  found: readonly Commit[],
  count: number,
  { limit, others, services }: HandQuery,
  changeAt: Reader,
): Promise<{ changes: HandChange[]; isAll: boolean }> {
  const times = others.map((time) => Date.parse(time))
  const changes: HandChange[] = []
  for (const [index, commit] of found.slice(0, count).entries()) {
    const newer = times.filter((time) => time > Date.parse(commit.date)).length
    if (changes.length + newer >= limit) return { changes, isAll: true }
    if (!isByHand(commit)) continue
    const change = changeOf(commit, await changeAt(found, index))
    if (concerns(change, services)) changes.push(change)
  }
  return { changes, isAll: false }
}

function isByHand({ message }: Commit): boolean {
  return (noteOf(message)?.operation ?? null) === null
}

function changeOf(
  { commit, author, date, message }: Commit,
  { texts, problem }: Change,
): HandChange {
  return {
    commit,
    author: oneLine(author),
    date: new Date(date).toISOString(),
    subject: oneLine(message.split('\n', 1)[0] ?? ''),
    changes: problem === null ? (texts ?? []).map(({ text }) => text) : [problem],
    services: texts && servicesOf(texts),
  }
}

function servicesOf(texts: readonly ChangeText[]): string[] | null {
  const named = texts.flatMap(({ service }) => service ?? [])
  return named.length < texts.length ? null : [...new Set(named)]
}

/** What may concern a service is not hidden from who looks for the service. */
function concerns({ services }: HandChange, wanted: readonly string[] | null): boolean {
  return wanted === null || services === null || services.some((name) => wanted.includes(name))
}

/** What a commit changed. */
interface Change {
  /** null: nobody knows. */
  texts: ChangeText[] | null
  /** Why it cannot be read. */
  problem: string | null
}

type Reader = (found: readonly Commit[], index: number) => Promise<Change>

function createReader({ env, repo }: HandPorts, signal?: AbortSignal): Reader {
  const read = async (commit: string): Promise<CommitFiles | string> => {
    try {
      return await readCommit(repo, env, commit, signal)
    } catch (error) {
      if (isInterrupted(error)) throw error
      return oneLine(said(error))
    }
  }
  const commits = new Map<string, Promise<CommitFiles | string>>()
  const filesOf = ({ commit }: Commit): Promise<CommitFiles | string> => {
    const files = commits.get(commit) ?? read(commit)
    commits.set(commit, files)
    return files
  }
  return async (found, index) => {
    const [commit, earlier] = [found[index], found[index + 1]]
    const to = commit && (await filesOf(commit))
    if (typeof to === 'string') return { texts: null, problem: to }
    // Where the clone ends, nobody knows what was there before.
    const from = earlier && (await filesOf(earlier))
    if (to === undefined || from === undefined || typeof from === 'string')
      return { texts: null, problem: null }
    const paths = [from, to].flatMap(({ tree }) => tree.paths)
    return { texts: textsOf({ from, to, services: servicesIn(env, paths) }), problem: null }
  }
}

/** What stands in this commit as a person has left it. */
export async function standingByHand(
  ports: HandPorts,
  head: string,
  signal: AbortSignal,
): Promise<ByHand[]> {
  const { env, repo } = ports
  const { commits: found } = await repo.log(head, [env], recent + 1, signal)
  const last = found.slice(0, recent).findLastIndex(isByHand)
  const changeAt = createReader(ports, signal)
  const known = new Set<string>()
  const byHand: ByHand[] = []
  for (const [index, each] of found.slice(0, last + 1).entries()) {
    const { texts } = await changeAt(found, index)
    const fresh = (texts ?? []).filter(({ what }) => !known.has(what))
    for (const { what } of fresh) known.add(what)
    if (!isByHand(each)) continue
    const { commit } = each
    const author = oneLine(each.author)
    byHand.push(...fresh.map(({ text }) => ({ change: text, commit, author })))
  }
  return byHand
}
