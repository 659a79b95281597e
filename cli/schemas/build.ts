// Writes the JSON Schemas of what `shopctl … --json` prints: `npm run schemas`. Other programs may rely on them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { historyDocument, operationDocument } from '../src/inspect/history-documents.ts'

const documents = {
  history: { title: 'shopctl history --json', schema: historyDocument },
  'history-show': { title: 'shopctl history show --json', schema: operationDocument },
}

/** Each file, and what is in it. */
export const files = Object.entries(documents).map(([name, { title, schema }]) => {
  // `input`: fields may be added, so a schema must not forbid others.
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  const text = `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`
  return { name: `${name}.json`, text }
})

if (import.meta.main)
  for (const { name, text } of files) writeFileSync(join(import.meta.dirname, name), text)
