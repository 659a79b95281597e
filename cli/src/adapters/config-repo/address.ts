// The URL of a config repo, which the schema of shopctl.yaml has checked; pure.

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
  return url.slice(url.lastIndexOf('@') + 1).split(':', 1)[0] ?? ''
}
