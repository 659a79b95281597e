// `hooks` of shopctl.yaml: scripts of the project that run before and after a change. Pure.
import { z } from 'zod'
import { path } from './path.ts'

const script = path
  .refine(
    (value) => /\.[cm]?[jt]s$/.test(value),
    'expected a script in JavaScript or TypeScript: a path that ends with .mjs, .js or .ts',
  )
  .optional()

/** A zx script for each. `pre-*` may refuse the change, the others only follow it. */
export const hooksSchema = z.strictObject({
  'pre-deploy': script,
  'post-deploy': script,
  'pre-switch': script,
  'post-switch': script,
  'post-rollback': script,
  /** After a command that failed. Not after a refusal. */
  'on-failure': script,
})

export type HookScripts = z.infer<typeof hooksSchema>
export type HookName = keyof HookScripts
