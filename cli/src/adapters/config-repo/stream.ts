// A commit as git fast-import reads it; pure.
import type { Changes } from '../../release/ports/config-repo.ts'

export interface NewCommit {
  /** git needs a branch for it, which is deleted again: git keeps new commits for two weeks without. */
  ref: string
  /** null: it is the first one. */
  base: string | null
  /** `Jane <jane@example.com>` */
  author: string
  message: string
  changes: Pick<Changes, 'write' | 'remove'>
  /** Folders that become what they were, with the hashes of their trees. */
  trees?: readonly { folder: string; tree: string }[]
}

/** git answers with the hash of the commit. */
export function streamOf(commit: NewCommit): Uint8Array {
  const { ref, base, author, message, changes, trees = [] } = commit
  const files = [...changes.write].flatMap(([path, content]) => [
    `M 100644 inline ${quoted(path)}\n`,
    ...dataOf(content),
  ])
  const parts = [
    'feature done\n',
    `commit ${ref}\nmark :1\nauthor ${author} now\ncommitter ${author} now\n`,
    ...dataOf(message),
    ...(base === null ? [] : [`from ${base}\n`]),
    ...changes.remove.map((path) => `D ${quoted(path)}\n`),
    ...trees.map(({ folder, tree }) => `M 040000 ${tree} ${quoted(folder)}\n`),
    ...files,
    `\nreset ${ref}\nfrom ${'0'.repeat(base?.length ?? 40)}\n\nget-mark :1\ndone\n`,
  ]
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}

function dataOf(content: string | Uint8Array): (string | Uint8Array)[] {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return [`data ${bytes.length}\n`, bytes, '\n']
}

function quoted(path: string): string {
  const escaped = path.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)
  return `"${escaped}"`
}

/** A name and address for git, from `me@laptop`. */
export function identityOf(by: string): string {
  const clean = by.replaceAll(/[<>\s\p{Cc}]+/gu, ' ').trim() || 'shopctl'
  const address = clean.includes('@')
    ? clean.replaceAll(' ', '-')
    : `${clean.replaceAll(' ', '-')}@shopctl`
  return `${clean.split('@', 1)[0] || clean} <${address}>`
}
