// Scans a folder and asks the server for its verdict. A verdict that leaves out what counts here is refused.
import type { Shell } from '../src/adapters/shell.ts'
import { refused } from '../src/errors.ts'
import type { Progress } from '../src/output/progress.ts'
import { allowed } from './report.ts'
import { scan } from './scan.ts'
import { conditions, createSonarQube, type Findings } from './sonarqube.ts'

export interface Server {
  url: string
  /** Of a user who may scan the projects. */
  token: string
  /** For the scanner's own files. */
  scratch: string
  /** null: the scanner downloads one from the server. */
  java: string | null
}

/** Scans a folder, and returns what the server found. */
export type Judge = (folder: string, project: string) => Promise<Findings>

export function createJudge(shell: Shell, progress: Progress, server: Server): Judge {
  const sonarqube = createSonarQube(server.url, `${server.token}:`)
  return async (folder, project) => {
    const task = await progress.step(`scan ${project}`, () =>
      scan(shell, { ...server, folder, project }),
    )
    const analysis = await progress.step(`judge ${project}`, () => sonarqube.processed(task))
    const findings = await sonarqube.findings(project, analysis)
    checkConditions(project, findings)
    return findings
  }
}

/** A gate passes if it has no conditions, or if all of them are on new code and there is none. */
export function checkConditions(project: string, findings: Pick<Findings, 'conditions'>): void {
  const judged = new Set(findings.conditions.map(({ metric }) => metric))
  const missing = conditions.map(([metric]) => metric).filter((metric) => !judged.has(metric))
  if (missing.length === 0) return
  const wanted = conditions.map(
    ([metric, operator, threshold]) => `${nameOf(metric)} ${allowed(operator, threshold)}`,
  )
  throw refused({
    code: 'gate-incomplete',
    message: `On overall code, the quality gate of ${project} did not judge: ${missing.map(nameOf).join(', ')}.`,
    hint: `Under Quality Gates of the server, give the project a gate on overall code: ${wanted.join(', ')}.`,
  })
}

function nameOf(metric: string): string {
  return metric.replaceAll('_', ' ')
}
