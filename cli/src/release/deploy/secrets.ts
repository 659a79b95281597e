// The Secrets that shopctl creates: those of shopctl.yaml, and its own key. Created once, never changed.
import { randomBytes } from 'node:crypto'
import { fillIn, inOrder, type Secrets } from '../../config/secrets.ts'
import type { Namespace } from '../ports/cluster.ts'
import type { Mask } from '../ports/session.ts'
import { settleAll } from '../settle.ts'

/** Stands in shopctl.yaml for a value that shopctl draws. */
const random = 'random'

function randomText(): string {
  return randomBytes(18).toString('base64url')
}

/** The values missing in `existing`: random ones from `draw`, the others with their references filled in. */
export function missingSecrets(wanted: Secrets, existing: Secrets, draw: () => string): Secrets {
  const all: Secrets = structuredClone(existing)
  const missing: Secrets = {}
  for (const { secret, key, text } of inOrder(wanted).values) {
    if (existing[secret]?.[key] !== undefined) continue
    const value = text === random ? draw() : fillIn(text, (...of) => encoded(all, ...of))
    for (const map of [all, missing]) {
      map[secret] ??= {}
      map[secret][key] = value
    }
  }
  return missing
}

function encoded(secrets: Secrets, secret: string, key: string): string {
  const value = secrets[secret]?.[key]
  if (value === undefined) throw new Error(`the secret value ${secret}.${key} is not planned`)
  return encodeURIComponent(value)
}

export interface SecretsPorts {
  namespace: Namespace
  mask: Mask
}

export interface SecretsPlan {
  existing: Secrets
  /** What `makeSecrets` adds. */
  missing: Secrets
}

/** The key of the HMACs by which copies are named. With another key, all services are deployed again. */
const hmacSecret = 'shopctl-hmac'

export function hmacKey({ existing, missing }: SecretsPlan): string {
  const key = existing[hmacSecret]?.key ?? missing[hmacSecret]?.key
  if (key === undefined) throw new Error('the key of the HMACs is not planned')
  return key
}

/** `mask` gets each random value. The others are no secrets, such as the name of a user, or refer to random ones. */
export async function planSecrets(
  { namespace, mask }: SecretsPorts,
  wanted: Secrets,
): Promise<SecretsPlan> {
  const all = { ...wanted, [hmacSecret]: { ...wanted[hmacSecret], key: random } }
  const found = await Promise.all(
    Object.keys(all).map(async (name) => [name, await namespace.readSecret(name)] as const),
  )
  const existing = Object.fromEntries(found.flatMap(([name, data]) => (data ? [[name, data]] : [])))
  const missing = missingSecrets(all, existing, randomText)
  for (const { secret, key, text } of inOrder(all).values)
    if (text === random) mask(existing[secret]?.[key] ?? missing[secret]?.[key] ?? '')
  return { existing, missing }
}

export async function makeSecrets(namespace: Namespace, { missing }: SecretsPlan): Promise<void> {
  await settleAll(Object.entries(missing).map(([name, data]) => namespace.addToSecret(name, data)))
}
