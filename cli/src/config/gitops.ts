// The config repo of an environment that Argo CD syncs. Pure.
import { z } from 'zod'
import { refused, type ShopctlError } from '../errors.ts'

export const drivers = ['helm', 'gitops'] as const

const name = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** `https://host/path`, `ssh://user@host/path` or `user@host:path`. No password: it would be in the file. */
const url = z
  .string()
  .refine(
    isAddress,
    'expected the address of a git repository, as https:// without user, or by ssh',
  )

function isAddress(value: string): boolean {
  if (/^[\w.-]+@[\w.-]+:[^\s]+$/.test(value)) return true
  const parsed = URL.parse(value)
  if (!parsed?.hostname || parsed.password || parsed.search || parsed.hash) return false
  if (parsed.protocol === 'ssh:') return true
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(parsed.hostname)
  const isSafe = parsed.protocol === 'https:' || (parsed.protocol === 'http:' && isHere)
  return isSafe && parsed.username === ''
}

const branch = z
  .string()
  .regex(
    /^(?![-/.])(?!.*(\.\.|\/\/|@\{|\.lock$|[/.]$))[^\s~^:?*[\\]+$/,
    'expected the name of a branch',
  )

export const gitopsSchema = z.strictObject({
  /** As this machine and Argo CD reach it. Default: that of `platform up --with gitops`. */
  url: url.optional(),
  branch: branch.default('main'),
  /** The namespace of Argo CD. */
  namespace: z.string().regex(name, 'expected the name of a namespace').default('argocd'),
})

/** For commands that need a config repo. */
export function noGitops(env: string): ShopctlError {
  return refused({
    code: 'no-gitops',
    message: `${env} is released by helm.`,
    hint: 'Set `driver: gitops` for it in shopctl.yaml, or name another environment with --env.',
  })
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
