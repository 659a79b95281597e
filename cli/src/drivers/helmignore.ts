// What .helmignore of a chart names; pure.
import { posix } from 'node:path'
import type { ChartFile } from '../release/ports/driver.ts'

interface Rule {
  pattern: string
  negated: boolean
  folders: boolean
}

/** Helm never reads it. */
const always = 'templates/.?*'

/** The files of a chart that helm reads. */
export function withoutIgnored(files: readonly ChartFile[]): ChartFile[] {
  const found = files.find(({ path }) => path === '.helmignore')
  const text = found ? Buffer.from(found.content).toString('utf8') : ''
  const rules = [...text.split(/\r?\n/), always].flatMap((line) => ruleOf(line.trim()))
  return files.filter(({ path }) => {
    const parts = path.split('/')
    const above = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
    return !above.some((folder) => isIgnored(rules, folder, true)) && !isIgnored(rules, path, false)
  })
}

function ruleOf(line: string): Rule[] {
  if (line === '' || line.startsWith('#') || line.includes('**')) return []
  const negated = line.startsWith('!')
  const named = negated ? line.slice(1) : line
  const folders = named.endsWith('/')
  return [{ pattern: folders ? named.slice(0, -1) : named, negated, folders }]
}

/** With helm's own rules: after `!`, all that does not match is ignored. */
function isIgnored(rules: readonly Rule[], path: string, isFolder: boolean): boolean {
  return rules.some(({ pattern, negated, folders }) => {
    if (folders && !isFolder) return negated
    return matches(pattern, path) !== negated
  })
}

function matches(pattern: string, path: string): boolean {
  if (pattern.startsWith('/')) return expression(pattern.slice(1)).test(path)
  return expression(pattern).test(pattern.includes('/') ? path : posix.basename(path))
}

/** Of Go's filepath.Match: no `**`, no braces, and `*` matches a dot at the start too. */
function expression(pattern: string): RegExp {
  const source = pattern.replaceAll(/\\.|\[\^?|[^\w]/g, (found) => {
    if (found === '*') return '[^/]*'
    if (found === '?') return '[^/]'
    if (found.startsWith('[')) return found
    if (found === ']' || found === '-') return found
    return `\\${found.at(-1)}`
  })
  try {
    return new RegExp(`^${source}$`)
  } catch {
    return /^(?!)/
  }
}
