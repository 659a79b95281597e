// The name of an environment variable that holds a secret.
import { z } from 'zod'

/** A value that is a secret itself does not match, and is not shown. */
export const variable = z
  .string()
  .regex(/^[A-Za-z_]\w*$/, 'expected the name of an environment variable, not its value')
