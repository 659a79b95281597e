// What people changed in the config repo, without shopctl.
import { isInterrupted, said } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import type { ByHand, Commit, ConfigRepo, HandChange } from '../../release/ports/config-repo.ts'
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

/** Those among the latest `limit` of these changes and of `others`, which are times. Newest first. */
export async function changesByHand(
  ports: HandPorts,
  limit: number,
  others: readonly string[],
): Promise<HandChange[]> {
  const { commit: head } = await ports.repo.fetch()
  const own = others.map((time) => Date.parse(time))
  for (let count = Math.min(limit, furthest); ; count = Math.min(count * 4, furthest)) {
    // One more, for what was there before.
    const { commits: found } = await ports.repo.log(head, [ports.env], count + 1)
    const { indices, isAll } = latest(found.slice(0, count), own, limit)
    if (isAll || found.length <= count || count === furthest) return describe(ports, found, indices)
  }
}

/** `isAll`: no older commit would be among them. */
function latest(
  found: readonly Commit[],
  others: readonly number[],
  limit: number,
): { indices: number[]; isAll: boolean } {
  const indices: number[] = []
  for (const [index, commit] of found.entries()) {
    const newer = others.filter((time) => time > Date.parse(commit.date)).length
    if (indices.length + newer >= limit) return { indices, isAll: true }
    if (isByHand(commit)) indices.push(index)
  }
  return { indices, isAll: false }
}

function isByHand({ message }: Commit): boolean {
  return (noteOf(message)?.operation ?? null) === null
}

async function describe(
  ports: HandPorts,
  found: readonly Commit[],
  indices: readonly number[],
): Promise<HandChange[]> {
  const changesAt = createReader(ports, found)
  const described: HandChange[] = []
  for (const index of indices) {
    const { commit, author, date, message } = found[index] as Commit
    const changes = await changesAt(index)
    described.push({
      ...{ commit, author: oneLine(author), date: new Date(date).toISOString() },
      subject: oneLine(message.split('\n', 1)[0] ?? ''),
      changes: typeof changes === 'string' ? [changes] : changes.map(({ text }) => text),
    })
  }
  return described
}

/** What a commit changed, or why it cannot be read. */
type Reader = (index: number) => Promise<ChangeText[] | string>

function createReader(
  { env, repo }: HandPorts,
  found: readonly Commit[],
  signal?: AbortSignal,
): Reader {
  const read = async (commit: string): Promise<CommitFiles | string> => {
    try {
      return await readCommit(repo, env, commit, signal)
    } catch (error) {
      if (isInterrupted(error)) throw error
      return oneLine(said(error))
    }
  }
  const commits = new Map<number, Promise<CommitFiles | string>>()
  const commitAt = (index: number): Promise<CommitFiles | string> => {
    const commit = commits.get(index) ?? read(found[index]?.commit ?? '')
    commits.set(index, commit)
    return commit
  }
  return async (index) => {
    const to = await commitAt(index)
    if (typeof to === 'string') return to
    // Where the clone ends, nobody knows what was there before.
    if (index + 1 >= found.length) return []
    const from = await commitAt(index + 1)
    if (typeof from === 'string') return []
    const paths = [from, to].flatMap(({ tree }) => tree.paths)
    return textsOf({ from, to, services: servicesIn(env, paths) })
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
  const changesAt = createReader(ports, found, signal)
  const known = new Set<string>()
  const byHand: ByHand[] = []
  for (const [index, each] of found.slice(0, last + 1).entries()) {
    const changes = await changesAt(index)
    if (typeof changes === 'string') continue
    const fresh = changes.filter(({ what }) => !known.has(what))
    for (const { what } of fresh) known.add(what)
    if (!isByHand(each)) continue
    const { commit } = each
    const author = oneLine(each.author)
    byHand.push(...fresh.map(({ text }) => ({ change: text, commit, author })))
  }
  return byHand
}
