// Where the logs of an environment's containers are kept. Pure.
import { z } from 'zod'
import { checkPlace, placeFields } from './monitoring.ts'

export const logStoreKinds = ['victorialogs', 'loki'] as const

export const logStoreSchema = z
  .strictObject({
    ...placeFields,
    /** Which API it has. */
    kind: z.enum(logStoreKinds, `expected one of ${logStoreKinds.join(', ')}`),
  })
  .superRefine(checkPlace)

export type LogStoreConfig = z.infer<typeof logStoreSchema>
