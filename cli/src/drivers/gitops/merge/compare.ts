// Compares two commits of the config repo.
import { refused, type ShopctlError } from '../../../errors.ts'
import { byCodeUnits } from '../../../release/canonical.ts'
import type { ConfigRepo, Revisions } from '../../../release/ports/config-repo.ts'
import type { MergePlan, NamedCommit } from '../../../release/ports/merge.ts'
import { filesToRead } from '../read.ts'
import { mergeOf } from './merge.ts'
import { type CommitFiles, chartFiles } from './sides.ts'

interface CompareOptions {
  env: string
  /** Names in shopctl.yaml. */
  services: readonly string[]
  /** Names of commits. */
  from: string
  to: string
}

export async function compare(
  revisions: Revisions,
  { env, services, from, to }: CompareOptions,
): Promise<MergePlan> {
  const before = { name: from, commit: await revisions.commitOf(from, 'from') }
  const after = { name: to, commit: await revisions.commitOf(to, 'to') }
  if (!(await revisions.contains(before.commit, after.commit))) throw apart(before, after)
  const sides = {
    from: await readCommit(revisions, env, before.commit),
    to: await readCommit(revisions, env, after.commit),
  }
  if (sides.to.hashes.size + sides.from.hashes.size === 0) throw unknownEnvironment(env, after)
  const charts = await revisions.contents(after.commit, chartFiles(sides))
  const { notes, ...merge } = mergeOf({ ...sides, services, charts })
  const left = await revisions.notes({ from: before, to: after }, env)
  return { from: before, to: after, ...merge, notes: [...left, ...notes] }
}

export async function readCommit(
  repo: Pick<ConfigRepo, 'hashes' | 'read'>,
  env: string,
  commit: string,
  signal?: AbortSignal,
): Promise<CommitFiles> {
  const hashes = await repo.hashes(commit, env)
  const paths = [...hashes.keys()].sort(byCodeUnits)
  const texts = await repo.read(commit, filesToRead(env, paths), signal)
  return { tree: { env, paths, texts }, hashes }
}

/** What merging would do is more than what differs. */
function apart(from: NamedCommit, to: NamedCommit): ShopctlError {
  return refused({
    code: 'not-up-to-date',
    message: `${to.name} does not contain ${from.name} (${from.commit.slice(0, 12)}): merged, it would do something else.`,
    hint: `Merge ${from.name} into it, or rebase it, then run the command again.`,
  })
}

function unknownEnvironment(env: string, { name }: NamedCommit): ShopctlError {
  return refused({
    code: 'no-environment',
    message: `The config repo has no folder ${env} in ${name}.`,
    hint: 'Run `shopctl gitops init` first, or name another environment with --env.',
  })
}
