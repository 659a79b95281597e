// Reads the header WWW-Authenticate: how a server wants clients to log in (RFC 7235). Pure.
import { readHeader } from './header.ts'

export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  scheme: string
  /** By name in lower case: `realm`, `service`, `scope`, `error`. */
  parameters: ReadonlyMap<string, string>
}

const separators = /[\s,]*/y
const scheme = /([!#$%&'*+.^`|~\w-]+)(?: +|\s*(?=,|$))/y
const parameter =
  /([!#$%&'*+.^`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^`|~\w-]+))\s*(?=,|$)/y
/** Of schemes that have one value instead of parameters. */
const token68 = /[\w.~+/-]+=*\s*(?=,|$)/y

/** One header may have several challenges. What comes after a mistake is left out. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  const { read, isAt } = readHeader(header)
  for (;;) {
    read(separators)
    const last = challenges.at(-1)
    const named = last && read(parameter)
    if (named) {
      const [, name = '', quoted, bare = ''] = named
      const key = name.toLowerCase()
      const value = quoted?.replace(/\\(.)/g, '$1') ?? bare
      if (!last.parameters.has(key)) last.parameters.set(key, value)
      continue
    }
    const [, word] = read(scheme) ?? []
    if (word === undefined) return challenges
    challenges.push({ scheme: word.toLowerCase(), parameters: new Map() })
    // A parameter looks like one until its `=`.
    if (!isAt(parameter)) read(token68)
  }
}
