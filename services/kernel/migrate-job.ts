// The migration Job: `node migrate.js`, with the SQL files in `migrations/` beside it. Migrates the preview database first,
// so that a migration that fails there does not touch the live one.
import { setTimeout } from 'node:timers/promises'
import { migrate, readMigrations } from './migrate.ts'

const { DATABASE_URL: live, PREVIEW_DATABASE_URL: preview } = process.env
if (!live) {
  process.stderr.write('bad configuration: DATABASE_URL is not set\n')
  process.exit(1)
}

/** On a first deploy the database starts at the same time. */
const patienceMs = 60_000
/** Connection refused or reset, unknown name, timeout, server starting or shutting down. */
const transient = /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|57P0)/

const migrations = await readMigrations(new URL('./migrations/', import.meta.url))

async function apply(plane: string, url: string): Promise<void> {
  for (;;) {
    try {
      const applied = await migrate(url, migrations)
      process.stdout.write(
        `${plane}: applied ${applied.join(', ') || 'nothing: all were applied before'}\n`,
      )
      return
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      if (!transient.test(code) || performance.now() > patienceMs) {
        process.stderr.write(`${plane}: migration failed: ${message}\n`)
        process.exit(1)
      }
      await setTimeout(500)
    }
  }
}

if (preview) await apply('preview', preview)
await apply('live', live)
