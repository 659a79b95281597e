// What a service answers about its work on the management port of its pods, from memory.
import type { PodAnswer } from '../../src/release/ports/cluster.ts'

export interface Books {
  account: Record<string, unknown>
  entries: { id: string; [field: string]: unknown }[]
  messages: StuckOne[]
}

export interface StuckOne {
  id: string
  state: string
  [field: string]: unknown
}

export function emptyBooks(): Books {
  return {
    account: { outbox: { waiting: 0, failing: 0 }, queued: 0, dead: 0, retrying: 0, own: {} },
    entries: [],
    messages: [],
  }
}

/** As the pods of a service answer on their management port. */
export function answer(books: Books, method: string, path: string): PodAnswer {
  const { pathname, searchParams } = new URL(path, 'http://pod')
  const [, what, id, decision] = pathname.split('/')
  const json = (body: unknown): PodAnswer => ({ status: 200, body: JSON.stringify(body) })
  const problem = (status: number, detail: string): PodAnswer => ({
    status,
    body: JSON.stringify({ status, detail }),
  })
  if (what === 'accounting' && id === 'entries') return entriesOf(books, searchParams)
  if (what === 'accounting') return json(books.account)
  if (what !== 'messages') return problem(404, `${pathname} is not here`)
  if (id === undefined)
    return json(books.messages.map(({ event: _, sensitive: __, ...message }) => message))
  const found = books.messages.find((message) => message.id === id)
  if (!found) return problem(404, `there is no message ${id}`)
  if (method === 'GET') return json(found)
  if (found.state !== 'parked') return problem(409, `message ${id} is being tried again`)
  if (decision === 'replay' && typeof found.event === 'string')
    return problem(409, `message ${id} is not an event: it can only be discarded`)
  books.messages = books.messages.filter((message) => message !== found)
  return { status: 204, body: '' }
}

function entriesOf({ entries }: Books, query: URLSearchParams): PodAnswer {
  const after = query.get('after') ?? ''
  const page = entries.filter(({ id }) => id > after).slice(0, Number(query.get('limit')))
  return { status: 200, body: page.map((entry) => `${JSON.stringify(entry)}\n`).join('') }
}
