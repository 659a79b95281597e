// Where the logs of an environment's containers are kept. Pure.
import { z } from 'zod'
import { address, serviceAddress } from './monitoring.ts'

export const logStoreKinds = ['victorialogs', 'loki'] as const

export const logStoreSchema = z
  .strictObject({
    /** The store as a Service of the cluster. */
    service: serviceAddress.optional(),
    /** Instead of a Service: what comes before the paths of its API. */
    url: address.optional(),
    /** Which API it has. */
    kind: z.enum(logStoreKinds, `expected one of ${logStoreKinds.join(', ')}`),
  })
  .refine(
    ({ service, url }) => (service === undefined) !== (url === undefined),
    'expected either `service` or `url`',
  )

export type LogStoreConfig = z.infer<typeof logStoreSchema>
