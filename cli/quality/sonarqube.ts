// What `npm run quality` asks of SonarQube's web API: the gate, and what a scan found.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { failed, said } from '../src/errors.ts'

/** Judges all code: on a fresh server, conditions on new code pass without having been tested. */
export const conditions: readonly [metric: string, operator: 'GT' | 'LT', threshold: string][] = [
  ['bugs', 'GT', '0'],
  ['vulnerabilities', 'GT', '0'],
  ['code_smells', 'GT', '0'],
  ['coverage', 'LT', '80'],
  ['duplicated_lines_density', 'GT', '3'],
]

/** Of a new server, by name. */
export const gates = {
  /** Has the conditions above. */
  overallCode: 'shop',
  /** Built in, and the default before another is set. */
  newCode: 'Sonar way',
} as const

export interface Condition {
  metric: string
  operator: 'GT' | 'LT'
  threshold: string
  /** null: the scan measured nothing. */
  actual: string | null
  passed: boolean
}

export interface Issue {
  type: string
  rule: string
  /** Path from the root of the repository. */
  file: string
  /** null: the whole file. */
  line: number | null
  message: string
}

export interface Findings {
  passed: boolean
  conditions: Condition[]
  measures: Record<string, string>
  issues: Issue[]
}

export interface SonarQube {
  /** Of a new server: replaces the password, sets Standard mode and the gate. Returns a token for scans. */
  prepare(): Promise<string>
  /** Of a new server: creates projects, each with its gate. Returns a token of a user who may scan these only. */
  addTeam(projects: Record<string, string>): Promise<string>
  /** Waits until the server has read a scan, `ceTaskId` of its report-task.txt. Resolves to its analysis. */
  processed(task: string): Promise<string>
  /** The verdict on an analysis. Another scan of the project may be newer: measures and issues are those of the newest. */
  findings(project: string, analysis: string): Promise<Findings>
}

type Query = Record<string, string>

interface Task {
  status: string
  errorMessage?: string
  analysisId?: string
}

interface GateStatus {
  projectStatus: {
    status: string
    conditions: {
      status: string
      metricKey: string
      comparator: 'GT' | 'LT'
      errorThreshold: string
      actualValue?: string
    }[]
  }
}

interface IssuePage {
  total: number
  issues: { type: string; rule: string; component: string; line?: number; message: string }[]
}

const pageSize = 500
const shown =
  'bugs,vulnerabilities,code_smells,coverage,duplicated_lines_density,ncloc,security_hotspots'
const processingLimitMs = 600_000
const answerMs = 60_000

function newPassword(): string {
  return `aA1!${randomBytes(24).toString('base64url')}`
}

/** `credentials`: `login:password`, or `token:`. */
export function createSonarQube(url: string, credentials: string): SonarQube {
  let login = credentials
  const ask = async (method: string, path: string, query: Query, json?: object) => {
    const inBody = method === 'POST'
    const parameters = new URLSearchParams(query)
    const search = inBody ? '' : `?${parameters}`
    const response = await reach(`${url}/api/${path}${search}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(login).toString('base64')}`,
        ...(json && { 'content-type': 'application/merge-patch+json' }),
      },
      ...(inBody && { body: parameters }),
      ...(json && { body: JSON.stringify(json) }),
    })
    const text = await response.text()
    if (response.ok) return text === '' ? {} : (JSON.parse(text) as unknown)
    throw failed({
      code: 'quality-server',
      message: `SonarQube answered ${response.status} to ${method} ${path}: ${text.slice(0, 300)}`,
    })
  }
  const get = async <T>(path: string, query: Query): Promise<T> =>
    (await ask('GET', path, query)) as T
  const post = async <T>(path: string, query: Query): Promise<T> =>
    (await ask('POST', path, query)) as T

  const setGate = async (): Promise<void> => {
    const gateName = gates.overallCode
    await post('qualitygates/create', { name: gateName })
    // A new gate has conditions on new code.
    const gate = await get<{ conditions?: { id: string }[] }>('qualitygates/show', {
      name: gateName,
    })
    for (const { id } of gate.conditions ?? []) await post('qualitygates/delete_condition', { id })
    for (const [metric, op, error] of conditions)
      await post('qualitygates/create_condition', { gateName, metric, op, error })
    await post('qualitygates/set_as_default', { name: gateName })
  }

  return {
    async prepare() {
      // Anybody on this machine knows the first one.
      const password = newPassword()
      const previousPassword = login.slice(login.indexOf(':') + 1)
      await post('users/change_password', { login: 'admin', previousPassword, password })
      login = `admin:${password}`
      await ask('PATCH', 'v2/clean-code-policy/mode', {}, { mode: 'STANDARD_EXPERIENCE' })
      await setGate()
      return (await post<{ token: string }>('user_tokens/generate', { name: 'scan' })).token
    },
    async addTeam(projects) {
      const login = 'team'
      await post('users/create', { login, name: login, password: newPassword() })
      for (const [project, gateName] of Object.entries(projects)) {
        await post('projects/create', { project, name: project })
        await post('qualitygates/select', { projectKey: project, gateName })
        await post('permissions/add_user', { projectKey: project, login, permission: 'scan' })
      }
      return (await post<{ token: string }>('user_tokens/generate', { login, name: 'scan' })).token
    },
    async processed(id) {
      for (const until = Date.now() + processingLimitMs; Date.now() < until; await sleep(500)) {
        const { task } = await get<{ task: Task }>('ce/task', { id })
        if (task.status === 'SUCCESS' && task.analysisId) return task.analysisId
        if (task.status !== 'PENDING' && task.status !== 'IN_PROGRESS')
          throw failed({
            code: 'quality-scan',
            message: `SonarQube could not read the scan: ${task.errorMessage ?? task.status}`,
          })
      }
      throw failed({ code: 'quality-scan', message: 'SonarQube did not read the scan in 10 min.' })
    },
    async findings(project, analysisId) {
      const { projectStatus } = await get<GateStatus>('qualitygates/project_status', { analysisId })
      const { component } = await get<{
        component: { measures: { metric: string; value: string }[] }
      }>('measures/component', { component: project, metricKeys: shown })
      return {
        passed: projectStatus.status === 'OK',
        conditions: projectStatus.conditions.map((condition) => ({
          metric: condition.metricKey,
          operator: condition.comparator,
          threshold: condition.errorThreshold,
          actual: condition.actualValue ?? null,
          passed: condition.status === 'OK',
        })),
        measures: Object.fromEntries(
          component.measures.map(({ metric, value }) => [metric, value]),
        ),
        issues: await allIssues(project, get),
      }
    },
  }
}

/** A server of a team may be away, or behind something that is. */
async function reach(address: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(address, { ...request, signal: AbortSignal.timeout(answerMs) })
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause : error
    throw failed({
      code: 'quality-server',
      message: `SonarQube at ${new URL(address).origin} cannot be reached: ${said(why)}.`,
      hint: 'Check that it runs, then run the command again.',
      cause: error,
    })
  }
}

async function allIssues(
  project: string,
  get: <T>(path: string, query: Query) => Promise<T>,
): Promise<Issue[]> {
  const found: Issue[] = []
  for (let page = 1; ; page++) {
    const { issues, total } = await get<IssuePage>('issues/search', {
      components: project,
      resolved: 'false',
      ps: String(pageSize),
      p: String(page),
    })
    for (const { type, rule, component, line, message } of issues) {
      const file = component.slice(project.length + 1)
      found.push({ type, rule, file, line: line ?? null, message })
    }
    if (issues.length < pageSize || found.length >= total) return found
  }
}
