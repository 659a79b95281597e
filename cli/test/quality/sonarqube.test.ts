// SonarQube's web API, as `npm run quality` asks it: a server that many scans share.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createSonarQube } from '../../quality/sonarqube.ts'

let server: Server | undefined
afterEach(() => server?.close())

/** Of two scans of one project: the later one, of another pull request, is good. */
async function startServer(): Promise<string> {
  const gate = (status: string) => ({ projectStatus: { status, conditions: [] } })
  const started = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    const answers: Record<string, object> = {
      '/api/ce/task': { task: { status: 'SUCCESS', analysisId: `of ${searchParams.get('id')}` } },
      '/api/qualitygates/project_status': gate(
        searchParams.get('analysisId') === 'of earlier' ? 'ERROR' : 'OK',
      ),
      '/api/measures/component': { component: { measures: [] } },
      '/api/issues/search': { total: 0, issues: [] },
    }
    response.end(JSON.stringify(answers[pathname] ?? {}))
  })
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`
}

it.each([
  ['earlier', false],
  ['later', true],
])('the %s of two scans of a project has a verdict of its own: %j', async (task, passed) => {
  const sonarqube = createSonarQube(await startServer(), 'token:')
  const found = await sonarqube.findings('shared', await sonarqube.processed(task))
  expect(found.passed).toBe(passed)
})

it('a server that is away is named, and is no bug of ours', async () => {
  const url = await startServer()
  server?.close()
  await expect(createSonarQube(url, 'token:').processed('x')).rejects.toMatchObject({
    ...{ code: 'quality-server', exitCode: 1 },
    message: expect.stringMatching(
      /^SonarQube at http:\S+ cannot be reached: connect ECONNREFUSED/,
    ),
  })
})
