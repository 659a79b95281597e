// Several statements that Postgres gets as one: it answers once, and both sides wake up once. What pg calls a pipeline
// has an answer for each statement, and most of what a small statement costs is to send its answer.
import type { Duplex } from 'node:stream'
import pg, { type PoolClient, Query, type QueryResult, type Submittable } from 'pg'

export interface Statement {
  text: string
  values: unknown[]
}

/** Throws on values that cannot be sent: before anything else is, so that nothing goes without them. */
export function statement(text: string, values: unknown[] = []): Statement {
  return {
    text,
    values: values.map(prepareValue),
  }
}

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } })
  .utils

/** pg's connection, of which its typings leave out some and ask too much of the rest. */
interface Wire
  extends Record<'parse' | 'bind' | 'describe' | 'execute' | 'close', (message: object) => void> {
  /** The texts that were prepared on this connection, by name. */
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

/** What pg does with a text of several statements, done with prepared ones. */
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

  /** The server has left out what came after the error, so it is not known which of the new statements it has got. */
  override handleError(error: Error, wire: Wire): void {
    for (const name of this.#preparing) {
      delete wire.parsedStatements[name]
      wire.close({ type: 'S', name })
    }
    super.handleError(error, wire)
  }
}

const names = new Map<string, string>()

/** All statements are constants of the program, so the names are few. */
function nameOf(text: string): string {
  const known = names.get(text)
  if (known) return known
  const name = `s${names.size}`
  names.set(text, name)
  return name
}

/** One result for each statement. The first that fails ends the batch with its error. */
export function send(client: PoolClient, statements: Statement[]): Promise<QueryResult[]> {
  return new Promise((resolve, reject) => {
    const batch = new Batch(statements, (error, results) => {
      if (error) reject(error)
      else resolve(Array.isArray(results) ? results : [results])
    })
    client.query(batch as unknown as Submittable)
  })
}
