// What the management port answers about messages that got stuck, and does about them.
import { z } from 'zod'
import type { Database } from './database.ts'
import { type Answer, type ManagementRequest, problem } from './management.ts'
import type { Outbox } from './outbox.ts'
import { discard, findStuck, listStuck, readBody, replay, type Wish } from './parking.ts'

export interface MessagesDeps {
  database: Database
  outbox: Outbox
  /** Whose queue a replayed message goes to. */
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

const limitOf = z.coerce.number().int().min(1).max(10_000).default(1_000)

export function createMessages({ database, outbox, service }: MessagesDeps): Messages {
  const decide =
    (act: (id: string) => Promise<Wish>): Handler =>
    async ({ params }) => {
      const id = z.uuid().safeParse(params.id)
      if (!id.success) return notAnId(params.id)
      const wish = await act(id.data.toLowerCase()).catch((error: NodeJS.ErrnoException) => {
        // JSON that Postgres cannot store.
        if (/^22/.test(String(error.code))) return 'unreadable' as const
        throw error
      })
      return answerOf(wish, id.data)
    }

  return {
    async list({ query }) {
      const limit = limitOf.safeParse(query.get('limit') ?? undefined)
      if (!limit.success) return problem(400, 'limit is a number from 1 to 10000')
      return { status: 200, body: await listStuck(database, limit.data) }
    },

    async show({ params }) {
      const id = z.uuid().safeParse(params.id)
      if (!id.success) return notAnId(params.id)
      const found = await findStuck(database, id.data.toLowerCase())
      if (!found) return answerOf('not-found', id.data)
      const { body, ...message } = found
      return { status: 200, body: { ...message, event: contentOf(body) } }
    },

    replay: decide(async (id) => {
      const wish = await database.transaction((tx) => replay(tx, outbox, service, id))
      if (wish === 'done') outbox.wake()
      return wish
    }),

    discard: decide((id) => database.transaction((tx) => discard(tx, id))),
  }
}

function notAnId(given = ''): Answer {
  return problem(400, `${given} is not the id of a message`)
}

function answerOf(wish: Wish, id: string): Answer {
  switch (wish) {
    case 'done':
      return { status: 204, body: null }
    case 'not-found':
      return problem(404, `there is no message ${id}`)
    case 'not-parked':
      return problem(409, `message ${id} is being tried again`)
    case 'unreadable':
      return problem(409, `message ${id} is not an event: it can only be discarded`)
  }
}

/** The event, or JSON that is none, or the text. */
function contentOf(body: Buffer): unknown {
  const reading = readBody(body)
  if (reading.event) return JSON.parse(reading.json)
  try {
    return JSON.parse(body.toString())
  } catch {
    return body.toString()
  }
}
