// The migration Job: `node migrate.js`, with the SQL files in `migrations/` beside it. It migrates the preview database
// first, so that a migration that fails there does not touch the live one.
import { setTimeout } from 'node:timers/promises'
import { maskText } from './masking.ts'
import { isTransient, migrate, readMigrations } from './migrate.ts'

/** On a first deploy, the database starts at the same time as this Job. */
const patienceMs = 60_000

function read(name: string): string {
  const value = process.env[name]
  if (value) return value
  process.stderr.write(`bad configuration: ${name} is not set\n`)
  process.exit(1)
}

const urls = { preview: read('PREVIEW_DATABASE_URL'), live: read('DATABASE_URL') }
const migrations = await readMigrations([new URL('./migrations/', import.meta.url)])

async function apply(plane: string, url: string): Promise<void> {
  for (;;) {
    try {
      const warn = (warning: string) => process.stdout.write(`warning: ${plane}: ${warning}\n`)
      const applied = await migrate(url, migrations, warn)
      process.stdout.write(`${plane}: applied ${applied.join(', ') || 'no new migrations'}\n`)
      return
    } catch (error) {
      if (!isTransient(error) || performance.now() > patienceMs) {
        const { code, message } = error as NodeJS.ErrnoException
        // Postgres may name a value of a row that it does not accept.
        process.stderr.write(`${plane}: migration failed: ${maskText(message || String(code))}\n`)
        process.exit(1)
      }
      await setTimeout(500)
    }
  }
}

for (const [plane, url] of Object.entries(urls)) await apply(plane, url)
