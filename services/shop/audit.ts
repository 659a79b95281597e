// Run by `shopctl audit`. It reads the accounting of each service from `<service>.json` and `<service>.entries.ndjson`, and
// prints the sums and violations as one JSON document.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fs } from 'zx'
import { type Entry, mergeById, parseEntries } from './audit/merge.ts'
import { type Service, services } from './audit/rules.ts'
import { readAccounts, sumUp } from './audit/sum.ts'

const folder = process.env.SHOPCTL_ACCOUNTING
if (!folder) {
  process.stderr.write('SHOPCTL_ACCOUNTING is not set; run this with shopctl audit\n')
  process.exit(2)
}

function perService<T>(of: (service: Service) => T): Record<Service, T> {
  return {
    order: of('order'),
    inventory: of('inventory'),
    payment: of('payment'),
    notification: of('notification'),
  }
}

/** Opens the file when the first entry is read. If it were opened earlier, readLines could lose lines. */
async function* entriesOf(service: Service): AsyncGenerator<Entry, void> {
  const name = `${service}.entries.ndjson`
  const input = await open(join(folder as string, name))
  yield* parseEntries(name, input.readLines())
}

const documents = Object.fromEntries(
  await Promise.all(
    services.map(async (service) => [service, await fs.readJson(join(folder, `${service}.json`))]),
  ),
)
const groups = mergeById(perService(entriesOf))
const quiet = process.env.SHOPCTL_QUIET === 'true'
const sum = await sumUp(readAccounts(documents as Record<Service, unknown>), groups, quiet)
process.stdout.write(`${JSON.stringify(sum)}\n`)
