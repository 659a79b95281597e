// Announces steps on stderr with the time they took: a spinner at a terminal, plain lines in a pipe.
import chalk from 'chalk'
import ora from 'ora'
import type { Progress } from '../release/ports.ts'

export type { Progress }

interface Running {
  title: string
  detail: string
  started: number
}

/** In a pipe a long step would look dead without a sign of life. */
const signOfLifeMs = 20_000

function seconds(ms: number): string {
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** `now` is a clock in milliseconds. */
export function createProgress(
  now: () => number,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  const running = new Set<Running>()
  // Steps run side by side, and a terminal has one last line: they share one spinner.
  // A terminal without a width, as some recorders have, makes the spinner count lines for ever.
  const width = stream.isTTY ? (stream.columns ?? 0) : 0
  const spinner = width > 0 ? ora({ stream, discardStdin: false }) : null
  const line = (text: string): void => {
    spinner?.stop()
    stream.write(`${text}\n`)
    if (spinner && running.size > 0) spinner.start(lastLine())
  }
  const took = ({ started }: Running): string => seconds(now() - started)
  const lastLine = (): string => {
    const parts = [...running].map((step) => `${step.title} ${took(step)} ${step.detail}`.trimEnd())
    return parts.join(', ').slice(0, width - 3)
  }
  const signOfLife = (step: Running): NodeJS.Timeout =>
    spinner
      ? setInterval(() => {
          spinner.text = lastLine()
        }, 1_000)
      : setInterval(
          () => line(`  … ${step.title} ${took(step)} ${step.detail}`.trimEnd()),
          signOfLifeMs,
        )
  const end = (step: Running, mark: string): void => {
    running.delete(step)
    line(`${mark} ${step.title} ${chalk.dim(took(step))}`)
  }
  return {
    note: (text) => line(chalk.dim(text)),
    warn: (text) => line(`${chalk.yellow('!')} ${text}`),
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
        end(step, chalk.green('✓'))
        return result
      } catch (error) {
        end(step, chalk.red('✗'))
        throw error
      } finally {
        clearInterval(timer)
      }
    },
  }
}
