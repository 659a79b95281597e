// What `history` and `history show` print with --json. cli/schemas has the same as JSON Schema, for other programs.
import { z } from 'zod'
import type { HandChange } from '../release/ports/config-repo.ts'
import { operationSchema } from '../release/record.ts'
import type { Undo } from './undo.ts'

const env = z.string().describe('The environment.')

const handChange: z.ZodType<HandChange> = z.object({
  commit: z.string(),
  author: z.string().describe('Jane <jane@example.com>'),
  date: z.string().describe('ISO 8601, in UTC: when it reached the branch.'),
  subject: z.string(),
  changes: z.array(z.string()).describe('What it changed of slots and Services.'),
  services: z
    .array(z.string())
    .nullable()
    .describe('Whose slots and Services these are. null: any may be among them.'),
})

const undo: z.ZodType<Undo> = z.object({
  command: z
    .string()
    .nullable()
    .describe('null: there is nothing to undo, or no way to do it now.'),
  note: z.string().nullable().describe('What it does besides, or why there is none.'),
})

export const historyDocument = z.object({
  version: z.literal(1),
  env,
  operations: z.array(operationSchema).describe('The newest first.'),
  byHand: z
    .array(handChange)
    .nullable()
    .describe(
      'Commits of the config repo that shopctl did not write, the newest first. null: helm releases this environment, or the config repo cannot be read.',
    ),
  damaged: z.array(z.string()).describe('Names of records that cannot be read.'),
})

export const operationDocument = z.object({
  version: z.literal(1),
  env,
  operation: operationSchema,
  undo: undo.describe('How to undo the operation, as things are now.'),
})
