// shopctl gitops init and gitops log
import { requireGitops } from '../config/gitops.ts'
import type { ClusterPorts, Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'

type Found = Awaited<ReturnType<NonNullable<ClusterPorts['gitops']>['log']>>

async function gitopsOf(context: Context) {
  const { gitops, progress } = await context.cluster()
  return { gitops: requireGitops(context.env, gitops), progress }
}

export async function gitopsInitCommand(context: Context): Promise<Result> {
  const { gitops, progress } = await gitopsOf(context)
  const done = await progress.step('write the config repo and the Applications', gitops.init)
  const { commit, file, applied, applications } = done
  const text = applied
    ? `Argo CD follows the config repo, now at ${commit.slice(0, 12)}, with ${applications.length} Applications.`
    : `You may not write Applications. An administrator runs \`kubectl apply --server-side --filename ${file}\` in the config repo.`
  return { document: { version: 1, env: context.env, ...done }, text: () => text, summary: text }
}

export async function gitopsLogCommand(
  context: Context,
  { limit }: { limit: number },
): Promise<Result> {
  const { gitops } = await gitopsOf(context)
  const found = await gitops.log(limit)
  return {
    document: { version: 1, env: context.env, ...found },
    text: (width) => logText(found, width),
    summary: `${found.commits.length} commits`,
    tables: [logRows(found)],
  }
}

export function logText(found: Found, width: number): string {
  const text = table(logRows(found), width)
  if (found.cutAt === null) return text
  const note = `There may be earlier ones: only the last ${found.cutAt} commits of the branch were looked at.`
  return `${text}\n${wrapped(note, width)}`
}

export function logRows({ commits }: Pick<Found, 'commits'>): string[][] {
  const rows = commits.map(({ commit, date, author, subject, note }) => [
    commit.slice(0, 12),
    date,
    note?.release ?? '-',
    note?.by ?? author,
    note?.reason ? `${subject} (${note.reason})` : subject,
  ])
  return [['COMMIT', 'WHEN', 'RELEASE', 'BY', 'SUBJECT'], ...rows]
}
