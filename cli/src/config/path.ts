// The form of a path in shopctl.yaml. Pure.
import { isAbsolute, normalize } from 'node:path/posix'
import { z } from 'zod'

/** Below the folder of shopctl.yaml, as git writes it: `./services/order/` means `services/order`. */
export const path = z
  .string()
  .min(1)
  .transform((value) => normalize(value).replace(/(?<=.)\/$/, ''))
  .refine((value) => !value.startsWith('-'), 'expected a path that begins with no dash')
  .refine((value) => !isAbsolute(value), 'expected a path relative to shopctl.yaml')
  .refine(
    (value) => value.split('/')[0] !== '..',
    'expected a path in the folder of shopctl.yaml, without `..`',
  )
