// The URL of a config repo; pure.
import { isLoopback } from '../loopback.ts'

/** What is wrong with a URL in shopctl.yaml, for its message. null: nothing. */
export function urlMistake(url: string): string | null {
  if (/[\s\p{Cc}]/u.test(url)) return 'expected a URL without blanks'
  if (url.startsWith('-') || /^[\w+-]+::/.test(url)) return wanted
  // As scp has it: git@host:team/repo.git
  if (!url.includes('://')) return /^([\w.-]+@)?[\w.-]+:[^:]+$/.test(url) ? null : wanted
  const parsed = URL.parse(url)
  if (!parsed?.host) return wanted
  if (parsed.password !== '') return 'expected no password: set SHOPCTL_GIT_TOKEN instead'
  if (parsed.search !== '' || parsed.hash !== '') return 'expected a URL without ? and #'
  if (parsed.protocol === 'ssh:' || parsed.protocol === 'https:') return null
  if (parsed.protocol === 'http:' && isLoopback(parsed.host)) return null
  return wanted
}

const wanted = 'expected https://host/team/repo.git or git@host:team/repo.git'

export function isSsh(url: string): boolean {
  return !/^https?:/.test(url)
}

/** `https://host:port`, the only place that gets the token. null: not by HTTP. */
export function originOf(url: string): string | null {
  return isSsh(url) ? null : (URL.parse(url)?.origin ?? null)
}

/** For messages. */
export function hostOf(url: string): string {
  if (url.includes('://')) return URL.parse(url)?.host ?? url
  return url.replace(/^.*@/, '').replace(/:.*$/s, '')
}
