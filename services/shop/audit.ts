// Run by `shopctl audit`: sums up what the services account for, from a folder with `<service>.json` and
// `<service>.orders.ndjson` of each; prints one JSON document.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fs } from 'zx'
import { type Line, mergeByOrder, parseLines } from './audit/merge.ts'
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

/** The file is opened when its first line is asked for: a reader that nobody listens to yet loses lines. */
async function* linesOf(service: Service): AsyncGenerator<Line, void> {
  const name = `${service}.orders.ndjson`
  const input = await open(join(folder as string, name))
  yield* parseLines(name, input.readLines())
}

const documents = Object.fromEntries(
  await Promise.all(
    services.map(async (service) => [service, await fs.readJson(join(folder, `${service}.json`))]),
  ),
)
const groups = mergeByOrder(perService(linesOf))
const quiet = process.env.SHOPCTL_QUIET === 'true'
const sum = await sumUp(readAccounts(documents as Record<Service, unknown>), groups, quiet)
process.stdout.write(`${JSON.stringify(sum)}\n`)
