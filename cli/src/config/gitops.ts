// The config repo of an environment that Argo CD syncs. Pure.
import { z } from 'zod'
import { refused, type ShopctlError } from '../errors.ts'

export const drivers = ['helm', 'gitops'] as const

const name = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** `https://host/path`, `ssh://user@host/path` or `user@host:path`. git and Argo CD get it as it is. */
const urlOf = (isSafe: (hostname: string) => boolean) =>
  z.string().superRefine((value, { addIssue }) => {
    const message = urlMistake(value, isSafe)
    if (message !== null) addIssue({ code: 'custom', message })
  })

const isHere = (hostname: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
const isInCluster = (hostname: string): boolean => /\.svc(\.cluster\.local)?$/.test(hostname)

const wanted = 'expected https://host/team/repo.git or git@host:team/repo.git'

/** `isSafe`: a password may go there without TLS. null: nothing is wrong with it. */
function urlMistake(value: string, isSafe: (hostname: string) => boolean): string | null {
  if (/[\s\p{Cc}]/u.test(value)) return 'expected a URL without blanks'
  // As scp has it. What begins with a dash is an option for git and ssh.
  if (!value.includes('://')) return /^\w[\w.-]*@\w[\w.-]*:[^:]+$/.test(value) ? null : wanted
  const parsed = URL.parse(value)
  if (!parsed?.hostname) return wanted
  const { protocol, hostname, username, password, search, hash } = parsed
  if (password !== '') return 'expected no password: set SHOPCTL_GIT_TOKEN instead'
  if (search !== '' || hash !== '') return 'expected a URL without ? and #'
  if (protocol === 'ssh:') return null
  if (protocol !== 'https:' && !(protocol === 'http:' && isSafe(hostname))) return wanted
  return username === '' ? null : 'expected no user: set SHOPCTL_GIT_USER instead'
}

const branch = z
  .string()
  .regex(
    /^(?![-/.])(?!.*(\.\.|\/\/|@\{|\.lock$|[/.]$))[^\s~^:?*[\\]+$/,
    'expected the name of a branch',
  )

export const gitopsSchema = z.strictObject({
  /** As this machine reaches it. Default: that of `platform up --with gitops`. */
  url: urlOf(isHere).optional(),
  /** As Argo CD reaches it. Default: `url`. */
  clusterUrl: urlOf(isInCluster).optional(),
  branch: branch.default('main'),
  /** The namespace of Argo CD. */
  namespace: z.string().regex(name, 'expected the name of a namespace').default('argocd'),
})

export type GitopsConfig = z.infer<typeof gitopsSchema>

/** For commands that need a config repo. */
export function noGitops(env: string): ShopctlError {
  return refused({
    code: 'no-gitops',
    message: `${env} is released by helm.`,
    hint: 'Set `driver: gitops` for it in shopctl.yaml, or name another environment with --env.',
  })
}

/** Refused if the environment has none of them. */
export function requireGitops<T>(env: string, tools: T | null): T {
  if (tools === null) throw noGitops(env)
  return tools
}

/** Refused if a workflow has prepared for another driver, and so with other rights. `expected`: SHOPCTL_DRIVER. */
export function checkDriver(env: string, driver: string, expected = ''): void {
  if (expected === '' || expected === driver) return
  throw refused({
    code: 'other-driver',
    message: `${env} is released by ${driver}, and SHOPCTL_DRIVER says ${expected}.`,
    hint: 'In a workflow, set its input `driver` to what shopctl.yaml says.',
  })
}
