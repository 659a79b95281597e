// Where the next page of a list is: by the header Link (RFC 8288), as the OCI distribution API has it. Pure.
import { readHeader } from './header.ts'

const target = /[\s,]*<([^>]*)>/y
const parameter = /\s*;\s*([\w!#$%&'*+.^`|~-]+)/y
const value = /\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))/y
const end = /\s*(?=,|$)/y

/**
 * The path of the next page below the repository, whose URL is `base`. null: there is none. A page on another host, or of
 * another repository, is none: it would be asked with the login for this one.
 */
export function nextPage(header: string | null, page: string, base: string): string | null {
  const next = nextOf(header ?? '')
  const url = next === null ? null : URL.parse(next, page)
  const root = new URL(base)
  const isOfList =
    url?.origin === root.origin && url.pathname.startsWith(`${root.pathname}referrers/`)
  return isOfList ? `${url.pathname.slice(root.pathname.length)}${url.search}` : null
}

/** What comes after a mistake is left out. */
function nextOf(header: string): string | null {
  const { read } = readHeader(header)
  for (let found = read(target); found; found = read(target)) {
    let relations: string | undefined
    for (let given = read(parameter); given; given = read(parameter)) {
      const [, quoted, bare = ''] = read(value) ?? []
      if (given[1]?.toLowerCase() === 'rel') relations ??= quoted ?? bare
    }
    if (!read(end)) return null
    if (relations?.toLowerCase().split(/\s+/).includes('next')) return found[1] ?? null
  }
  return null
}
