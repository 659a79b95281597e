// A verdict counts only if it is about all that counts here: a gate with no conditions passes anything.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createJudge } from '../../quality/judge.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { createFakeProgress } from '../fakes/host.ts'

const five = ['bugs', 'vulnerabilities', 'code_smells', 'coverage', 'duplicated_lines_density']
const newCode = ['new_violations', 'new_coverage', 'new_duplicated_lines_density']

const ended: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

/** Says OK, whatever the gate judges. */
async function startServer(metrics: readonly string[]): Promise<string> {
  const conditions = metrics.map((metricKey) => ({
    metricKey,
    status: 'OK',
    comparator: 'GT',
    errorThreshold: '0',
  }))
  const answers: Record<string, object> = {
    '/api/ce/task': { task: { status: 'SUCCESS', analysisId: 'analysis' } },
    '/api/qualitygates/project_status': { projectStatus: { status: 'OK', conditions } },
    '/api/measures/component': { component: { measures: [] } },
    '/api/issues/search': { total: 0, issues: [] },
  }
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    response.end(JSON.stringify(answers[pathname] ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(() => new Promise((resolve) => server.close(resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Instead of the scanner: leaves what it leaves behind. */
const scanner = {
  ...createShell(),
  async run({ args }: { args: readonly string[] }) {
    const work = args.find((arg) => arg.startsWith('-Dsonar.working.directory='))?.split('=')[1]
    await writeFile(join(work ?? '', 'report-task.txt'), 'ceTaskId=task\n')
    return { exitCode: 0, stdout: '', stderr: '', output: '' }
  },
}

async function judge(metrics: readonly string[]) {
  const scratch = await mkdtemp(join(tmpdir(), 'shopctl-judge-'))
  ended.push(() => rm(scratch, { recursive: true }))
  await mkdir(join(scratch, 'work-pulls'))
  const server = { url: await startServer(metrics), token: 'token', scratch, java: null }
  return createJudge(scanner, createFakeProgress(), server)(scratch, 'pulls')
}

describe('a gate that says OK', () => {
  it.each([
    ['of these five conditions', five],
    ['of these and others', [...newCode, ...five, 'ncloc']],
  ])('is believed: %s', async (_, metrics) => {
    await expect(judge(metrics)).resolves.toMatchObject({ passed: true })
  })

  it.each([
    ['no conditions', [], 'bugs, vulnerabilities, code smells, coverage, duplicated lines density'],
    [
      'conditions on new code only',
      newCode,
      'bugs, vulnerabilities, code smells, coverage, duplicated lines density',
    ],
    ['four of five', five.slice(0, 4), 'duplicated lines density'],
    [
      'coverage of new code only',
      [...five, ...newCode].filter((m) => m !== 'coverage'),
      'coverage',
    ],
  ])('is refused if it judged %s', async (_, metrics, missing) => {
    await expect(judge(metrics)).rejects.toMatchObject({
      exitCode: 2,
      code: 'gate-incomplete',
      message: `On overall code, the quality gate of pulls did not judge: ${missing}.`,
      hint: expect.stringContaining('bugs at most 0, vulnerabilities at most 0, code smells'),
    })
  })
})
