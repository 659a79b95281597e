// The CloudEvents 1.0 envelope of every event, in its JSON format.
import { z } from 'zod'

/** The topic exchange that carries all events; the routing key is the event's type. */
export const exchange = 'shop.events'

/** What log lines call the subject of an event. */
export const subjectName = 'orderId'

export const envelope = z.object({
  specversion: z.literal('1.0'),
  /** A UUIDv7, by which consumers recognize a repeated delivery. */
  id: z.uuid(),
  /** The service that published it, for example `/order`. */
  source: z.string().min(1),
  /** Name and version, for example `order.placed.v1`. */
  type: z.string().min(1),
  /** The id of the order that the event is about. */
  subject: z.string().min(1),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  /** W3C trace context (CloudEvents' distributed tracing extension). */
  traceparent: z.string().min(1),
  data: z.unknown(),
})

/** An event as it is sent. `data` is not checked unless a contract has parsed it. */
export type Envelope<Data = unknown> = Omit<z.infer<typeof envelope>, 'data'> & { data: Data }

/** The type of an event and the schema of its data, shared by its producer and its consumers. */
export interface Contract<Data> {
  readonly type: string
  /** The CloudEvents source of all events of this type. Undefined: any. */
  readonly source?: string
  /** `ORDER_PLACED_VERSION=v1`: it is published only with this setting, and then no other version is. Undefined: always. */
  readonly onlyWith?: string
  readonly data: z.ZodType<Data>
}

/** An event to be published, before it has its envelope. */
export interface Draft {
  readonly type: string
  readonly subject: string
  readonly data: unknown
}

/** Makes a contract. Within a version, only optional fields may be added to `data`. */
export function contract<Data>(
  type: string,
  data: z.ZodType<Data>,
  source?: string,
  onlyWith?: string,
): Contract<Data> {
  const owner = source !== undefined && { source }
  return { type, data, ...owner, ...(onlyWith !== undefined && { onlyWith }) }
}

/** Makes an event of a contract; the compiler checks the data. */
export function draft<Data>(of: Contract<Data>, subject: string, data: Data): Draft {
  return { type: of.type, subject, data }
}
