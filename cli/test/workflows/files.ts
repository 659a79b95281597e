// The workflows of this repository, and those that templates/ offers to others, read as data.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const root = join(import.meta.dirname, '..', '..', '..')
export const ours = join(root, '.github', 'workflows')
export const offered = join(root, 'templates', '.github', 'workflows')

/** For the repository that Argo CD follows. */
export const forConfigRepo = join(root, 'templates', 'gitops')

export interface Step {
  name?: string
  if?: string
  uses?: string
  run?: string
  with?: Record<string, unknown>
  env?: Record<string, string>
}

export interface Job {
  uses?: string
  'runs-on'?: string
  'timeout-minutes'?: number
  permissions?: Record<string, string>
  concurrency?: unknown
  environment?: { name: string; deployment: boolean }
  if?: string
  needs?: string | string[]
  env?: Record<string, string>
  outputs?: Record<string, string>
  steps?: Step[]
}

export interface Workflow {
  on: Record<string, unknown>
  permissions: object
  concurrency?: Record<string, unknown>
  env?: Record<string, string>
  jobs: Record<string, Job>
}

export const textOf = (folder: string, name: string): string =>
  readFileSync(join(folder, name), 'utf8')
export const read = (name: string): Workflow => parse(textOf(ours, name)) as Workflow
export const files = readdirSync(ours).sort()
export const jobs = files.flatMap((file) =>
  Object.entries(read(file).jobs).map(([name, job]): [string, Job] => [`${file} ${name}`, job]),
)
export const steps = jobs.flatMap(([name, job]) =>
  (job.steps ?? []).map((step): [string, Step] => [`${name}: ${step.name}`, step]),
)
