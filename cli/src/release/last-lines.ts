// What is shown of a failed program's output.

/** What Node shows of its own source above an error. */
const nodeSource = /^node:\S+:\d+\n.*\n\s+\^+\n\n?/gm

/** A password may have any character, encoded or not. */
const loginInUrl = /:\/\/(?:[^\s/@:"']*:[^\s"']*|[^\s/@"']+)@/g

/** The same text without the user and the password of each URL. */
export function withoutLogins(text: string): string {
  return text.replaceAll(loginInUrl, '://***@')
}

/** What follows `Bearer` or an `Authorization` header, and tokens that one knows by their form. */
const tokens = [
  /(?<=\bBearer )[\w.~+/=-]+/gi,
  /(?<=\bAuthorization["']?: ?["']?(?:\w+ )?)[\w.~+/=-]{8,}/gi,
  /\b(?:gh[opsur]_|github_pat_|glpat-|xox[a-z]-|eyJ[\w-]+\.)[\w.-]{10,}/g,
  /(?<=\bhooks\.slack\.com\/services\/)[\w/]+/g,
]

function withoutTokens(text: string): string {
  return tokens.reduce((shown, token) => shown.replaceAll(token, '***'), text)
}

/** The last `count` lines, without stack traces, logins and tokens. */
export function lastLines(text: string, count: number): string {
  return withoutTokens(withoutLogins(text))
    .trimEnd()
    .replaceAll(nodeSource, '')
    .split('\n')
    .filter((line) => !/^\s+at .+:\d+:\d+\)?( \{)?$/.test(line))
    .slice(-count)
    .join('\n')
}

/** What Node writes when a package is not installed. A path is a file of the project, unless it is in node_modules. */
const missingPackage =
  /Cannot find (?:package '[^']+'|module '(?:[^'./]|\/[^']*\/node_modules\/)[^']*')/

/** The error of a program of the project that shopctl ran. `hint` is for any other cause than missing packages. */
export function programFailed(
  what: string,
  { exitCode, output }: { exitCode: number; output: string },
  hint: string,
): { message: string; hint: string } {
  const ended = `${what} ended with exit code ${exitCode}`
  const [missing] = missingPackage.exec(output) ?? []
  const lines = lastLines(output, 20)
  if (missing === undefined) return { message: lines ? `${ended}:\n${lines}` : `${ended}.`, hint }
  return {
    message: `${ended}. Packages are missing: ${missing}`,
    hint: 'Run `npm ci`, then run the command again.',
  }
}
