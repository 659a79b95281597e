// What the migration Job runs: `node migrate.js`, with the SQL files in `migrations/` beside it.
import { setTimeout } from 'node:timers/promises'
import { migrate, readMigrations } from './migrate.ts'

const url = process.env.DATABASE_URL
if (!url) {
  process.stderr.write('bad configuration: DATABASE_URL is not set\n')
  process.exit(1)
}

/** The Job starts together with the database on a first deploy. */
const patienceMs = 60_000
/** Connection refused or reset, name not known yet, timed out, server starting or shutting down. */
const transient = /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|57P0)/

const migrations = await readMigrations(new URL('./migrations/', import.meta.url))
for (;;) {
  try {
    const applied = await migrate(url, migrations)
    process.stdout.write(`applied: ${applied.join(', ') || 'nothing, all was there'}\n`)
    break
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (!transient.test(code) || performance.now() > patienceMs) {
      process.stderr.write(`migration failed: ${message}\n`)
      process.exit(1)
    }
    await setTimeout(500)
  }
}
