// Shows steps and their times on stderr: a spinner at a terminal, plain lines in a pipe or a workflow.
import ora, { type Ora } from 'ora'
import type { Progress } from '../release/ports/session.ts'
import { hasColors, painted, widthOf } from './terminal.ts'
import { bad, dim, duration, fitted, folded, good, marked, oneLine, warning } from './text.ts'
import {
  commandLine,
  currentWorkflow,
  harmless,
  mostAnnotations,
  type Workflow,
} from './workflow.ts'

export type { Progress }

interface Running {
  title: string
  detail: string
  started: number
}

/** In a pipe, a long step prints a line this often. */
const signOfLifeMs = 20_000
/** Columns of the spinner, and one more: some terminals break a full line. */
const spinnerWidth = 3

/** null where a line cannot be overwritten. */
function createSpinner(stream: NodeJS.WriteStream, workflow: Workflow | null): Ora | null {
  // Without a width, as in some recorders, the spinner never stops counting lines.
  if (!stream.isTTY || !stream.columns || process.env.TERM === 'dumb' || process.env.CI) return null
  if (workflow) return null
  const spinner = ora({ stream, discardStdin: false, color: false })
  // ora decides about colors by stdout, not by this stream.
  if (hasColors(stream)) {
    const { frames, ...rest } = spinner.spinner
    spinner.spinner = { ...rest, frames: frames.map(good) }
  }
  return spinner
}

/** `now` returns milliseconds. */
export function createProgress(
  now: () => number,
  stream: NodeJS.WriteStream = process.stderr,
  workflow: Workflow | null = currentWorkflow,
): Progress {
  const running = new Set<Running>()
  // Steps run in parallel and share one spinner, in the last line of the terminal.
  const spinner = createSpinner(stream, workflow)
  let annotated = 0
  const line = (text: string): void => {
    spinner?.stop()
    const shown = painted(text, stream)
    stream.write(`${workflow ? harmless(shown) : shown}\n`)
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
    warn(text) {
      annotated += 1
      if (workflow && annotated <= mostAnnotations) stream.write(commandLine('warning', text))
      else line(marked(warning('!'), text, widthOf(stream)))
    },
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
