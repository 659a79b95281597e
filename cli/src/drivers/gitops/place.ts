// Whether two URLs are of one repository; pure.

interface Place {
  host: string
  /** null: that of ssh, which says nothing about one of HTTP. */
  port: string | null
  path: string
}

function placeOf(url: string): Place {
  const [, scpHost = '', scpPath = ''] = /^(?:[^@/]*@)?([^:/]+):(?!\/\/)(.*)$/.exec(url) ?? []
  const parsed = scpHost === '' ? URL.parse(url) : null
  const path = withoutSlashes(parsed?.pathname ?? scpPath).replace(/\.git$/, '')
  return {
    host: (parsed?.hostname ?? scpHost).toLowerCase(),
    port: /^https?:/.test(url) ? (parsed?.port ?? '') : null,
    // Argo CD takes them for the same too.
    path: path.toLowerCase(),
  }
}

/** At its ends. */
function withoutSlashes(path: string): string {
  const parts = path.split('/')
  const isNamed = (part: string): boolean => part !== ''
  return parts.slice(parts.findIndex(isNamed), parts.findLastIndex(isNamed) + 1).join('/')
}

/** A URL may be written with another user, with `.git` or a slash at its end, and for HTTP or ssh. */
export function isSameRepository(one: string, other: string): boolean {
  const [a, b] = [placeOf(one), placeOf(other)]
  const isPort = a.port === null || b.port === null || a.port === b.port
  return a.host === b.host && a.path === b.path && isPort
}

/** `git.example.com/shop/config`, for messages. It has no password. */
export function shownPlace(url: string): string {
  const { host, port, path } = placeOf(url)
  const at = port ? `:${port}` : ''
  return `${host}${at}/${path}`
}
