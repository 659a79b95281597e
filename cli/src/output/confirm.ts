// A question at the terminal.
import { createInterface } from 'node:readline'
import { interrupted } from '../errors.ts'

/** No answer, or a stdin that is no terminal, means no. Throws `interrupted` at Ctrl-C and when the signal aborts. */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // Without an answer, the next output would start in the line of the question.
  let inLine = true
  const answer = Promise.withResolvers<string>()
  const stop = (): void => answer.reject(interrupted('Nothing was changed.'))
  terminal.once('SIGINT', stop)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  // Ctrl-D ends the input without an answer.
  terminal.once('close', () => answer.resolve(''))
  terminal.question(`${question} [y/N] `, (text) => {
    inLine = false
    answer.resolve(text)
  })
  try {
    return /^y(es)?$/i.test((await answer.promise).trim())
  } finally {
    signal.removeEventListener('abort', stop)
    terminal.close()
    if (inLine) process.stderr.write('\n')
  }
}
