// The Secrets that shopctl creates: those of shopctl.yaml, and its own key. Created once, never changed.
import { randomBytes } from 'node:crypto'
import { refused } from '../../errors.ts'
import type { Namespace } from '../ports/cluster.ts'
import { settleAll } from '../settle.ts'

type Secrets = Record<string, Record<string, string>>

function randomText(): string {
  return randomBytes(18).toString('base64url')
}

/** The values missing in `existing`: random ones from `draw`, the others with their references filled in. */
export function missingSecrets(wanted: Secrets, existing: Secrets, draw: () => string): Secrets {
  const all: Secrets = structuredClone(existing)
  const missing: Secrets = {}
  const add = (secret: string, key: string, value: string): void => {
    for (const map of [all, missing]) {
      map[secret] ??= {}
      map[secret][key] = value
    }
  }
  const open = Object.entries(wanted).flatMap(([secret, keys]) =>
    Object.entries(keys)
      .filter(([key]) => existing[secret]?.[key] === undefined)
      .map(([key, text]) => ({ secret, key, text })),
  )
  for (const { secret, key } of open.filter(({ text }) => text === 'random'))
    add(secret, key, draw())
  for (const { secret, key, text } of open.filter(({ text }) => text !== 'random')) {
    add(secret, key, fillIn(text, all, `secrets.${secret}.${key}`))
  }
  return missing
}

function fillIn(text: string, secrets: Secrets, path: string): string {
  return text.replaceAll(/\$\{([^}.]+)\.([^}]+)\}/g, (_, secret: string, key: string) => {
    const value = secrets[secret]?.[key]
    if (value !== undefined) return encodeURIComponent(value)
    throw refused({
      code: 'bad-config',
      message: `shopctl.yaml: ${path}: there is no secret value ${secret}.${key}.`,
      hint: `Add it below \`secrets.${secret}\`, then run the command again. It has to be \`random\` or exist already.`,
    })
  })
}

export interface SecretsPlan {
  existing: Secrets
  /** What `makeSecrets` adds. */
  missing: Secrets
}

/** The key of the HMACs by which copies are named. With another key, all services are deployed again. */
const hmacSecret = 'shopctl-hmac'
const ownSecrets: Secrets = { [hmacSecret]: { key: 'random' } }

export function hmacKey({ existing, missing }: SecretsPlan): string {
  const key = existing[hmacSecret]?.key ?? missing[hmacSecret]?.key
  if (key === undefined) throw new Error('the key of the HMACs is not planned')
  return key
}

export async function planSecrets(namespace: Namespace, wanted: Secrets): Promise<SecretsPlan> {
  const all = { ...wanted, ...ownSecrets }
  const found = await Promise.all(
    Object.keys(all).map(async (name) => [name, await namespace.readSecret(name)] as const),
  )
  const existing = Object.fromEntries(found.flatMap(([name, data]) => (data ? [[name, data]] : [])))
  return { existing, missing: missingSecrets(all, existing, randomText) }
}

export async function makeSecrets(namespace: Namespace, { missing }: SecretsPlan): Promise<void> {
  await settleAll(Object.entries(missing).map(([name, data]) => namespace.addToSecret(name, data)))
}
