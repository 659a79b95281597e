// Announces steps on stderr with the time they took: a spinner at a terminal, plain lines in a pipe.
import ora, { type Ora } from 'ora'
import type { Progress } from '../release/ports/session.ts'
import { hasColors, painted, widthOf } from './terminal.ts'
import { bad, dim, duration, fitted, folded, good, marked, oneLine, warning } from './text.ts'

export type { Progress }

interface Running {
  title: string
  detail: string
  started: number
}

/** In a pipe a long step would look dead without a sign of life. */
const signOfLifeMs = 20_000
/** What the spinner takes before its text, and one more: some terminals break a line that is full. */
const spinnerWidth = 3

/** null where a line cannot be written over. */
function createSpinner(stream: NodeJS.WriteStream): Ora | null {
  // A terminal without a width, as some recorders have, makes the spinner count lines for ever.
  if (!stream.isTTY || !stream.columns || process.env.TERM === 'dumb' || process.env.CI) return null
  const spinner = ora({ stream, discardStdin: false, color: false })
  // ora colors by what stdout can show.
  if (hasColors(stream)) {
    const { frames, ...rest } = spinner.spinner
    spinner.spinner = { ...rest, frames: frames.map(good) }
  }
  return spinner
}

/** `now` is a clock in milliseconds. */
export function createProgress(
  now: () => number,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  const running = new Set<Running>()
  // Steps run side by side, and a terminal has one last line: they share one spinner.
  const spinner = createSpinner(stream)
  const line = (text: string): void => {
    spinner?.stop()
    stream.write(`${painted(text, stream)}\n`)
    if (spinner && running.size > 0) spinner.start(lastLine())
  }
  const took = ({ started }: Running): string => duration(now() - started)
  const stateOf = (step: Running): string => `${step.title} ${took(step)} ${step.detail}`.trimEnd()
  const lastLine = (): string =>
    fitted(oneLine([...running].map(stateOf).join(', ')), widthOf(stream) - spinnerWidth)
  const signOfLife = (step: Running): NodeJS.Timeout =>
    spinner
      ? setInterval(() => {
          spinner.text = lastLine()
        }, 1_000)
      : setInterval(() => line(`  … ${stateOf(step)}`), signOfLifeMs)
  const end = (step: Running, mark: string): void => {
    running.delete(step)
    line(marked(mark, `${step.title} ${dim(took(step))}`, widthOf(stream)))
  }
  return {
    note: (text) => line(folded(dim(text), widthOf(stream))),
    warn: (text) => line(marked(warning('!'), text, widthOf(stream))),
    async step(title, run) {
      const step: Running = { title, detail: '', started: now() }
      running.add(step)
      if (spinner) spinner.start(lastLine())
      else line(`- ${title}`)
      const timer = signOfLife(step)
      timer.unref()
      try {
        const result = await run((detail) => {
          step.detail = detail
        })
        end(step, good('✓'))
        return result
      } catch (error) {
        end(step, bad('✗'))
        throw error
      } finally {
        clearInterval(timer)
      }
    },
  }
}
