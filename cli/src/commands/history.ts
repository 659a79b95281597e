// shopctl history
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import type { Result } from '../output/result.ts'

export async function historyCommand(_: Context, __: { limit: number }): Promise<Result> {
  throw refused({ code: 'no-history', message: 'There are no records yet.' })
}

export async function historyShowCommand(_: Context, __: { id: string }): Promise<Result> {
  throw refused({ code: 'no-history', message: 'There are no records yet.' })
}
