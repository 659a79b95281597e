// What a hook has done, as the journal keeps it.
import { z } from 'zod'

export const hookRecord = z.object({
  hook: z
    .string()
    .describe('pre-deploy, post-deploy, pre-switch, post-switch, post-rollback or on-failure.'),
  script: z.string(),
  tookMs: z.number(),
  exitCode: z
    .number()
    .nullable()
    .describe('null: it took too long, was interrupted, or could not be started.'),
  output: z.string().describe('Its last lines, without logins. Without an exit code: the reason.'),
})

export type HookRecord = z.infer<typeof hookRecord>
