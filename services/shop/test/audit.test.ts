import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { services } from '../audit/rules.ts'

const run = promisify(execFile)
const script = join(import.meta.dirname, '..', 'audit.ts')
function audit(env: Record<string, string>) {
  return run(process.execPath, [script], { env: { ...process.env, ...env } })
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'accounting-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** More lines than a buffer holds, so that a reader that starts too early or too late would lose some. */
const count = 20_000
function id(n: number): string {
  return `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
}

const entries: Record<(typeof services)[number], object> = {
  order: { status: 'confirmed' },
  inventory: { status: 'sold' },
  payment: { status: 'captured', captures: 1, refunds: 0 },
  notification: { outcome: 'confirmed', sent: true, repeats: 0 },
}

const own: Record<(typeof services)[number], object> = {
  order: { accepted: count, confirmed: count, rejected: 0, cancelled: 0, open: 0 },
  inventory: { stock: [] },
  payment: { captures: count, refunds: 0 },
  notification: { sent: count, repeats: 0 },
}

async function write(service: (typeof services)[number], of: (n: number) => object | null) {
  const account = {
    at: Date.now(),
    outbox: { waiting: 0, failing: 0 },
    queued: 0,
    dead: 0,
    retrying: 0,
    parked: 0,
    duplicatesRefused: 0,
    byEpoch: [],
    own: own[service],
  }
  await writeFile(join(folder, `${service}.json`), JSON.stringify(account))
  const all = Array.from({ length: count }, (_, n) => {
    const fields = of(n)
    return fields ? `${JSON.stringify({ id: id(n), ...fields })}\n` : ''
  })
  await writeFile(join(folder, `${service}.entries.ndjson`), all.join(''))
}

it('prints one document from a folder of accounts', async () => {
  for (const service of services) await write(service, () => entries[service])
  const { stdout } = await audit({ SHOPCTL_ACCOUNTING: folder })
  expect(JSON.parse(stdout)).toMatchObject({
    balanced: true,
    orders: { accepted: count, confirmed: count },
    violations: [],
  })
})

it('names the one order among many that was not paid', async () => {
  await write('payment', (n) => (n === 12_345 ? null : entries.payment))
  const { stdout } = await audit({ SHOPCTL_ACCOUNTING: folder })
  expect(JSON.parse(stdout)).toMatchObject({
    balanced: false,
    violations: [{ rule: 'confirmed without a capture', count: 1, orders: [id(12_345)] }],
  })
})

it('fails when a file is missing', async () => {
  await rm(join(folder, 'payment.entries.ndjson'))
  await expect(audit({ SHOPCTL_ACCOUNTING: folder })).rejects.toThrow(/payment\.entries\.ndjson/)
})

it('says which variable it needs', async () => {
  await expect(audit({ SHOPCTL_ACCOUNTING: '' })).rejects.toThrow(/run this with shopctl audit/)
})
