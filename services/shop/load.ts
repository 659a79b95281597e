// `npm run load -- --rate 30 --seconds 60`: places orders at a fixed rate, and checks the outcome of each.
import { parseArgs } from 'node:util'
import { originOf } from '../../cli/src/adapters/sender.ts'
import { ShopctlError } from '../../cli/src/errors.ts'
import { type Load, type LoadOptions, startLoad } from './load/drive.ts'
import { describe, isClean } from './load/report.ts'

const usage = `npm run load -- --rate 30 --seconds 60 [--url URL] [--seed N] [--json]

  --rate     requests per second, 1 to 500; they are sent on time, even if
             answers are slow
  --seconds  1 to 600
  --url      base of the order API on this machine; the default is
             http://127.0.0.1:30080
  --seed     the same number gives the same sequence of orders
  --json     one document on stdout

Most orders are confirmed. Some are rejected (unknown SKU) or cancelled
(tok_declined). Some requests repeat an earlier key.
Exit status: 0 if no request failed and each order ended as expected, 1 if
not, 2 for bad input.`

const progressMs = 5_000

class BadInput extends Error {}

function number(name: string, text: string, [low, high]: [number, number]): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= low && value <= high) return value
  throw new BadInput(`--${name} ${text}: give a number from ${low} to ${high}.`)
}

function readInput(args: string[]): (LoadOptions & { json: boolean }) | 'help' {
  let values: { [name: string]: string | boolean | undefined }
  try {
    ;({ values } = parseArgs({
      args,
      options: {
        rate: { type: 'string', default: '30' },
        seconds: { type: 'string', default: '60' },
        url: { type: 'string', default: 'http://127.0.0.1:30080' },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    throw new BadInput(error instanceof Error ? error.message : String(error))
  }
  if (values.help) return 'help'
  return {
    url: originOf(String(values.url)),
    rate: number('rate', String(values.rate), [1, 500]),
    seconds: number('seconds', String(values.seconds), [1, 600]),
    ...(values.seed !== undefined && {
      seed: number('seed', String(values.seed), [0, 2 ** 32 - 1]),
    }),
    json: values.json === true,
  }
}

/** Throws BadInput when the shop does not answer at all, which is no load with failures. */
async function checkReachable(url: string): Promise<void> {
  try {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) })
    await answer.body?.cancel()
    if (answer.status !== 200) throw new Error(`/healthz answers ${answer.status}`)
  } catch (error) {
    const { message, cause } = error as Error
    throw new BadInput(
      `No shop at ${url}: ${cause instanceof Error ? cause.message : message}. ` +
        'Start one: npx shopctl platform up && npx shopctl release',
    )
  }
}

async function main(): Promise<number> {
  const input = readInput(process.argv.slice(2))
  if (input === 'help') {
    console.log(usage)
    return 0
  }
  const { json, ...options } = input
  let interrupted = false
  let load: Load | undefined
  const interrupt = (): void => {
    if (interrupted) process.exit(130)
    interrupted = true
    process.stderr.write('- no more requests; waiting for the open orders\n')
    void load?.stop()
  }

  await checkReachable(options.url)
  const startedAt = performance.now()
  load = startLoad(options)
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const progress = setInterval(() => {
    const { requests, failures, accepted } = load.progress()
    const elapsed = Math.round((performance.now() - startedAt) / 1000)
    process.stderr.write(
      `- ${elapsed} s: ${requests} requests, ${failures} failed, ${accepted} orders accepted\n`,
    )
  }, progressMs)
  const report = await load.ended
  clearInterval(progress)

  console.log(json ? JSON.stringify({ version: 1, ...report }) : describe(report).join('\n'))
  if (interrupted) return 130
  return isClean(report) ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof BadInput) {
    process.stderr.write(`${error.message}\nSee npm run load -- --help\n`)
  } else if (error instanceof ShopctlError && error.kind === 'refused') {
    process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`)
  } else throw error
  process.exitCode = 2
}
