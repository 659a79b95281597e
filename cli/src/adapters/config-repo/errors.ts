// What git says when it cannot reach, read or change a config repo, and what to do about it; pure.
import { failed, refused, type ShopctlError } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import { hostOf } from './address.ts'

export interface Where {
  url: string
  branch: string
  /** Of the clone. */
  folder: string
  hasToken: boolean
}

interface Rule {
  says: RegExp
  code: string
  kind: typeof refused
  message(where: Where): string
  hint(where: Where): string
}

const again = 'Then run the command again.'
const tokenHint = ({ url, hasToken }: Where): string => {
  if (!/^https?:/.test(url)) return `Add your key to ${hostOf(url)} and to ssh-agent. ${again}`
  return hasToken
    ? `Set SHOPCTL_GIT_TOKEN to a token that is valid and may read and write ${url}. ${again}`
    : `Set SHOPCTL_GIT_TOKEN, or log git in to ${hostOf(url)}. ${again}`
}

/** The first one that fits counts. */
const rules: readonly Rule[] = [
  {
    says: /No space left on device|Out of diskspace|Disk quota exceeded|ENOSPC|EDQUOT/,
    code: 'disk-full',
    kind: refused,
    message: ({ folder }) => `There is no space for the clone of the config repo in ${folder}`,
    hint: () => `Free space there. ${again}`,
  },
  {
    says: /Read-only file system|insufficient permission|EACCES|EROFS|EPERM|ENOTDIR|EEXIST|ENOENT|cannot mkdir/,
    code: 'no-cache',
    kind: refused,
    message: ({ folder }) => `The clone of the config repo cannot be written to ${folder}`,
    hint: () => `Make the folder writable, or set XDG_CACHE_HOME to another one. ${again}`,
  },
  {
    says: /could not read Username|could not read Password/,
    code: 'config-repo-login',
    kind: refused,
    message: ({ url }) => `${url} wants a login, and there is none`,
    hint: tokenHint,
  },
  {
    says: /Authentication failed|returned error: 401|Permission denied \(|invalid credentials/i,
    code: 'config-repo-login',
    kind: refused,
    message: ({ url }) => `${url} does not accept the login: it is wrong, or expired`,
    hint: tokenHint,
  },
  {
    says: /Host key verification failed/,
    code: 'config-repo-login',
    kind: refused,
    message: ({ url }) => `ssh does not know the key of ${hostOf(url)}`,
    hint: ({ url }) => `Compare it with what ${hostOf(url)} publishes, then add it to known_hosts.`,
  },
  {
    says: /returned error: 403|access denied|not allowed to (push|upload)|Write access .* not granted/i,
    code: 'config-repo-denied',
    kind: refused,
    message: ({ url }) => `You may not do this in ${url}`,
    hint: tokenHint,
  },
  {
    says: /returned error: 404|repository '.*' not found|Repository not found|does not appear to be a git repository|project you were looking for could not be found/i,
    code: 'no-config-repo',
    kind: refused,
    message: ({ url }) => `There is no repository ${url}, or not for this login`,
    hint: (where) => `Correct the URL in shopctl.yaml. If it is right: ${tokenHint(where)}`,
  },
  {
    says: /SSL certificate|certificate verif|self.signed|SSL_ERROR|gnutls_handshake/i,
    code: 'config-repo-certificate',
    kind: refused,
    message: ({ url }) => `The certificate of ${hostOf(url)} is not trusted`,
    hint: () => `Add its authority to this machine, or set http.sslCAInfo for git. ${again}`,
  },
  {
    says: /Could not resolve|Failed to connect|Connection (refused|timed out|reset)|unreachable|No route to host|Couldn't connect|hung up|early EOF|RPC failed|Empty reply|transfer closed|Connection closed|Broken pipe/i,
    code: 'config-repo-unreachable',
    kind: failed,
    message: ({ url }) => `${hostOf(url)} cannot be reached, or the connection to it was lost`,
    hint: () => `Check the network and the proxy. ${again}`,
  },
  {
    says: /returned error: (5\d\d|429|408)|Internal Server Error|Service Unavailable/i,
    code: 'config-repo-unreachable',
    kind: failed,
    message: ({ url }) => `${hostOf(url)} cannot answer now`,
    hint: () => `Wait until it is well again. ${again}`,
  },
]

/** Of a git that failed. null: none of the known reasons. */
export function knownProblem(stderr: string, where: Where): ShopctlError | null {
  // The words of a URL say nothing.
  const words = stderr.replaceAll(where.url.replace(/\/$/, ''), 'URL')
  const rule = rules.find(({ says }) => says.test(words))
  if (!rule) return null
  const { kind, code } = rule
  const message = `${rule.message(where)}: ${wordsOf(stderr)}`
  return kind({ code, message, hint: rule.hint(where) })
}

/** Whether git never reached the server: it got no connection. */
export function isUnconnected(stderr: string): boolean {
  return /Could not resolve|Failed to connect|Couldn't connect|ssh: connect to host/i.test(stderr)
}

/** What git says of a clone that a crash of the machine has left, or somebody who deletes files in it. */
const ofBroken = [
  /not a git repository|is empty|corrupt|mismatch/i,
  /(?:unable to|could not) (?:read|parse)/i,
  /bad (?:object|tree|pack|config)|missing (?:blob|tree|commit|object)|invalid sha1 pointer/i,
  /did not send all necessary|not our ref/i,
]

export function isBroken(stderr: string): boolean {
  return ofBroken.some((words) => words.test(stderr))
}

export function unknownProblem(what: string, stderr: string, { folder }: Where): ShopctlError {
  return failed({
    code: 'config-repo-failed',
    message: `git could not ${what} the config repo: ${wordsOf(stderr)}`,
    hint: `Run the command again. If it fails again, delete ${folder}: it is only a cache.`,
  })
}

/** The server's own words come first. */
export function wordsOf(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).map((line) => line.trim())
  const remote = serverWords(stderr)
  const own = [...new Set(lines.filter((line) => /^(fatal|error|ssh):/.test(line)))].slice(0, 2)
  const words = [...(remote ? [remote] : []), ...own]
  return oneLine((words.length > 0 ? words : lines.slice(-2)).join(' ')) || 'it says nothing'
}

export function serverWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).flatMap((line) => /^remote: ?(.*)$/.exec(line)?.[1] ?? [])
  return oneLine(lines.filter((line) => line.trim() !== '').join(' ')).slice(0, 600)
}

export function noBranch({ url, branch }: Where, branches: readonly string[]): ShopctlError {
  if (branches.length === 0) {
    return refused({
      code: 'empty-config-repo',
      message: `The config repo ${url} is empty.`,
      hint: `Push a first commit to its branch ${branch}, such as a README. ${again}`,
    })
  }
  const some = branches.slice(0, 5).join(', ')
  const more = branches.length > 5 ? ` and ${branches.length - 5} more` : ''
  return refused({
    code: 'no-config-branch',
    message: `The config repo ${url} has no branch ${branch}. It has ${some}${more}.`,
    hint: `Correct the branch in shopctl.yaml, or create it. ${again}`,
  })
}

/** `reason` is what git calls it, `words` what the server says. */
export function pushRefused({ url, branch }: Where, reason: string, words: string): ShopctlError {
  const said = words === '' ? reason : `${reason}: ${words}`
  return refused({
    code: 'push-rejected',
    message: `${hostOf(url)} does not accept the commit on ${branch}: ${said}`,
    hint: `Let this login push to ${branch} without a pull request, or correct what the rule names. ${again}`,
  })
}

export function oldGit(found: string): ShopctlError {
  return refused({
    code: 'old-git',
    message: `git is ${found}. A config repo needs git 2.31 or newer.`,
    hint: 'Install a newer git and put it first on the PATH.',
  })
}
