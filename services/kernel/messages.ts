// The management routes for stuck messages: list, show, replay and discard.
import { masked, sensitivePointers } from '@shop/events/sensitive'
import { z } from 'zod'
import type { Database } from './database.ts'
import { type Answer, type ManagementRequest, problem } from './management.ts'
import { maskText } from './masking.ts'
import type { Outbox } from './outbox.ts'
import { type ActionResult, discard, findStuck, listStuck, replay } from './parking.ts'

export interface MessagesDeps {
  database: Database
  outbox: Outbox
  /** The service to whose queue a replayed message goes. */
  service: string
}

type Handler = (request: Pick<ManagementRequest, 'params' | 'query'>) => Promise<Answer>

/** Handlers for `GET /messages`, `GET /messages/:id` and `POST /messages/:id/replay` and `…/discard`. */
export interface Messages {
  list: Handler
  show: Handler
  replay: Handler
  discard: Handler
}

const limitSchema = z.coerce.number().int().min(1).max(10_000).default(1_000)

function withId(act: (id: string, query: URLSearchParams) => Promise<Answer>): Handler {
  return async ({ params, query }) => {
    const id = z.uuid().safeParse(params.id)
    if (id.success) return act(id.data.toLowerCase(), query)
    return problem(400, `${params.id} is not the id of a message`)
  }
}

export function createMessages({ database, outbox, service }: MessagesDeps): Messages {
  return {
    async list({ query }) {
      const limit = limitSchema.safeParse(query.get('limit') ?? undefined)
      if (!limit.success) return problem(400, 'limit is a number from 1 to 10000')
      const found = await listStuck(database, limit.data)
      const body = found.map((one) => ({ ...one, reason: maskText(one.reason) }))
      return { status: 200, body }
    },

    show: withId(async (id, query) => {
      const found = await findStuck(database, id)
      if (!found) return answerOf('not-found', id)
      const { body, ...message } = found
      const content = contentOf(body)
      const shown =
        query.get('reveal') === 'true'
          ? { event: content }
          : { event: masked(content), reason: maskText(message.reason) }
      return { status: 200, body: { ...message, ...shown, sensitive: sensitivePointers(content) } }
    }),

    replay: withId(async (id) => {
      const result = await database.transaction((tx) => replay(tx, outbox, service, id))
      if (result === 'done') outbox.wake()
      return answerOf(result, id)
    }),

    discard: withId(async (id) =>
      answerOf(await database.transaction((tx) => discard(tx, id)), id),
    ),
  }
}

function answerOf(result: ActionResult, id: string): Answer {
  switch (result) {
    case 'done':
      return { status: 204, body: null }
    case 'not-found':
      return problem(404, `there is no message ${id}`)
    case 'not-parked':
      return problem(409, `message ${id} is being retried`)
    case 'cannot-replay':
      return problem(
        409,
        `message ${id} cannot be sent again: it is not an event, or Postgres cannot store it. Discard it.`,
      )
  }
}

/** The body as JSON, or as text when it is not JSON. */
function contentOf(body: Buffer): unknown {
  const text = body.toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
