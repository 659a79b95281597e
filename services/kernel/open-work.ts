// What a service has begun and not finished, such as orders. shopctl asks for it: GET /open.
import { z } from 'zod'
import { type ManagementRoutes, problem } from './management.ts'

export interface OpenWorkQuestion {
  /** How many seconds ago the moment is for which the answer counts. */
  ago: number
  /** After so many seconds, work is late. */
  late: number
}

/** All times are by the clock of the database, which both slots share. */
export interface OpenWork {
  /** Open now. */
  open: number
  /** What was open at that moment, and which color has finished how much of it since. */
  before: { open: number; finished: Record<string, number> }
  /**
   * Of what was begun since that moment: how much is old enough to be late, finished or not, how much of that is late, how
   * much is open, and how long the oldest of that is open. null: nothing is.
   */
  since: { due: number; late: number; open: number; oldestSeconds: number | null }
}

export type CountOpenWork = (question: OpenWorkQuestion) => Promise<OpenWork>

const weekSeconds = 7 * 86_400
// Not coerced: Number('') is 0.
const seconds = z
  .string()
  .regex(/^\d+(\.\d+)?$/)
  .transform(Number)
  .refine((value) => value <= weekSeconds)
const questionSchema = z.object({ ago: seconds, late: seconds })

/** No route where a service has no such work. */
export function openWorkRoutes(count: CountOpenWork | undefined): ManagementRoutes {
  if (!count) return {}
  return {
    'GET /open': async ({ query }) => {
      const question = questionSchema.safeParse({ ago: query.get('ago'), late: query.get('late') })
      if (!question.success) {
        return problem(400, `ago and late are numbers of seconds, from 0 to ${weekSeconds}`)
      }
      return { status: 200, body: await count(question.data) }
    },
  }
}
