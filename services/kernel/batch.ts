// Sends several statements to Postgres as one request with one answer. In pg's own pipeline, each statement is a request,
// and a request costs more than a small statement.
import type { Duplex } from 'node:stream'
import pg, { type PoolClient, Query, type QueryResult, type Submittable } from 'pg'

export interface Statement {
  text: string
  values: unknown[]
}

/** Throws when a value cannot be sent. At that time no statement of the batch has been sent. */
export function statement(text: string, values: unknown[] = []): Statement {
  return {
    text,
    values: values.map(prepareValue),
  }
}

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } })
  .utils

/** The parts of a pg connection that its types do not have. */
interface Wire
  extends Record<'parse' | 'bind' | 'describe' | 'execute' | 'close', (message: object) => void> {
  /** The texts of the prepared statements, by name. */
  parsedStatements: Record<string, string>
  stream: Duplex
  sync(): void
}

type Callback = (error: Error | null, results: QueryResult | QueryResult[]) => void

const MultipleQuery = Query as unknown as new (
  text: string,
  values: unknown[],
  callback: Callback,
) => { submit(wire: Wire): void; handleError(error: Error, wire: Wire): void }

/** Like pg's query with several statements in one text, but with prepared statements. */
class Batch extends MultipleQuery {
  readonly #statements: Statement[]
  readonly #preparing: string[] = []

  constructor(statements: Statement[], callback: Callback) {
    super('', [], callback)
    this.#statements = statements
  }

  override submit(wire: Wire): void {
    wire.stream.cork()
    for (const { text, values } of this.#statements) {
      const name = nameOf(text)
      if (wire.parsedStatements[name] === undefined) {
        wire.parse({ name, text })
        wire.parsedStatements[name] = text
        this.#preparing.push(name)
      }
      wire.bind({ statement: name, values })
      wire.describe({ type: 'P', name: '' })
      wire.execute({})
    }
    wire.sync()
    wire.stream.uncork()
  }

  /** The server skips all that follows the error, so some of the new statements may not be prepared. Forgets them all. */
  override handleError(error: Error, wire: Wire): void {
    for (const name of this.#preparing) {
      delete wire.parsedStatements[name]
      wire.close({ type: 'S', name })
    }
    super.handleError(error, wire)
  }
}

const names = new Map<string, string>()

/** Each text gets one name. Texts are constants of the program, so there are few. */
function nameOf(text: string): string {
  const known = names.get(text)
  if (known) return known
  const name = `s${names.size}`
  names.set(text, name)
  return name
}

/** Resolves with one result per statement, or rejects with the error of the first that fails. */
export function send(client: PoolClient, statements: Statement[]): Promise<QueryResult[]> {
  return new Promise((resolve, reject) => {
    const batch = new Batch(statements, (error, results) => {
      if (error) reject(error)
      else resolve(Array.isArray(results) ? results : [results])
    })
    client.query(batch as unknown as Submittable)
  })
}
