// The form of `registry` in shopctl.yaml: shopctl adds the path of the images, their tags and digests. Pure.

const example = '`ghcr.io/me` or `host:5000`'
const hub = 'docker.io'
/** What Docker Hub is called elsewhere. */
const hubNames = new Set([
  'index.docker.io',
  'registry-1.docker.io',
  'hub.docker.com',
  'www.docker.com',
])

const label = '[a-z0-9]([a-z0-9-]*[a-z0-9])?'
const hostForm = new RegExp(String.raw`^(${label}(\.${label})*|\[[0-9a-f:.]+\])(:\d+)?$`)
/** A component of a name, as docker knows it. */
const partForm = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/

/** What is wrong with it, and what to write. null: nothing. It never repeats a password. */
export function registryMistake(value: string): string | null {
  const problem = problemOf(value)
  if (!problem) return null
  const better = corrected(value)
  const isGood = better !== value && !problemOf(better)
  return isGood ? `expected ${problem}: write \`${better}\`` : `expected ${problem}`
}

function problemOf(value: string): string | null {
  const [host = '', ...path] = value.split('/')
  return (
    textProblem(value) ?? slashProblem(host, path) ?? hostProblem(host) ?? pathProblem(host, path)
  )
}

function textProblem(value: string): string | null {
  if (value.trim() === '') return `a registry, such as ${example}`
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return 'a registry without `https://` before it'
  if (/@sha\d+:/.test(value)) return 'a registry without a digest'
  if (value.includes('@')) return 'a registry without a user: `docker login` knows the user'
  if (/\s/.test(value)) return 'a registry without spaces'
  return /[A-Z]/.test(value) ? 'lower-case letters' : null
}

function slashProblem(host: string, path: readonly string[]): string | null {
  if (host !== '' && path.at(-1) === '') return 'no slash at the end'
  if (host !== '' && path.includes('')) return 'one slash between two names'
  return path.at(-1)?.includes(':') ? 'a registry without a tag' : null
}

function hostProblem(host: string): string | null {
  if (!/[.:]/.test(host) && host !== 'localhost') return `a host at first, such as ${example}`
  const port = /:([^:\]]*)$/.exec(host)?.[1]
  if (port !== undefined && !isPort(port)) return 'a number from 1 to 65535 as the port'
  if (!hostForm.test(host)) return 'a host of letters, digits, dots and dashes'
  return hubNames.has(host) ? 'the name that docker has for Docker Hub' : null
}

function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
}

function pathProblem(host: string, path: readonly string[]): string | null {
  if (host === hub && path.length > 0)
    return '`docker.io` alone: names on Docker Hub have two parts, so your account there has to be the `name` of this file; or another registry, such as `ghcr.io/me`'
  if (path.every((part) => partForm.test(part))) return null
  return 'names of lower-case letters and digits, with single `.`, `_` or `-` between them'
}

function corrected(value: string): string {
  const bare = value
    .trim()
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, '')
    .replace(/@sha\d+:.*$/, '')
    .replace(/^[^/]*@/, '')
    .replace(/\/+/g, '/')
    .replace(/\/$/, '')
    .replace(/(\/[^/:]*):[^/]*$/, '$1')
  const [host = '', ...path] = bare.split('/')
  return [hubNames.has(host) ? hub : host, ...path].join('/')
}

export interface EcrAddress {
  /** Twelve digits. */
  account: string
  region: string
  /** `123456789012.dkr.ecr.eu-central-1.amazonaws.com` */
  host: string
}

const ecrForm =
  /^(\d{12})\.(?:dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)|dkr-ecr(?:-fips)?\.([a-z0-9-]+)\.on\.(?:aws|amazonwebservices\.com\.cn))$/

/** Where a registry of Amazon ECR is. null: another one. */
export function ecrAddress(registry: string): EcrAddress | null {
  const host = registry.split('/')[0] ?? ''
  const [, account, one, other] = ecrForm.exec(host) ?? []
  const region = one ?? other
  return account && region ? { account, region, host } : null
}
