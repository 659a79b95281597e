// `npm run quality` scans this repository with a SonarQube server of this machine, and judges it by the gate.
// `-- --team` uses the server of SONAR_HOST_URL and SONAR_TOKEN. `-- --self-test` tests that the gate can fail.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createScratch } from '../src/adapters/scratch.ts'
import { type Command, createShell, type Shell } from '../src/adapters/shell.ts'
import { cacheFolder } from '../src/context/cache-folder.ts'
import { interrupted, refused } from '../src/errors.ts'
import { report } from '../src/output/errors.ts'
import { createProgress, type Progress } from '../src/output/progress.ts'
import { layoutOf } from '../src/platform/layout.ts'
import { store } from '../src/platform/store.ts'
import { serverItem } from './fetch.ts'
import { createJudge, type Server } from './judge.ts'
import { exitCodeOf, reportText } from './report.ts'
import { teamProjects, testGate } from './self-test.ts'
import { checkUser, withServer } from './server.ts'
import { createSonarQube, type Findings, type SonarQube } from './sonarqube.ts'
import { pullRequests, teamOf } from './team.ts'

const root = join(import.meta.dirname, '..', '..')
const projects = ['unit', 'services', 'apart']

function checkCoverage(progress: Progress): void {
  const missing = projects.filter((name) => !existsSync(join(root, 'coverage', name, 'lcov.info')))
  if (missing.length === projects.length)
    throw refused({
      code: 'no-coverage',
      message: 'There is no coverage: the folder coverage has no lcov.info.',
      hint: 'Run `npm test`, which writes it. Then run `npm run quality` again.',
    })
  for (const name of missing) progress.warn(`No coverage of the ${name} tests: run \`npm test\`.`)
}

/** A server of this machine, while it runs. */
interface OwnServer {
  server: Server
  admin: SonarQube
}

async function onOwnServer<T>(
  shell: Shell,
  progress: Progress,
  use: (own: OwnServer) => Promise<T>,
): Promise<T> {
  checkUser()
  const cache = cacheFolder()
  // Not the platform's own: its next start would empty it.
  const layout = { ...layoutOf(cache), temporary: join(cache, 'unfinished') }
  await mkdir(layout.temporary, { recursive: true })
  const programs = await progress.step('fetch SonarQube', (say) =>
    store(layout, serverItem(shell), say),
  )
  return createScratch().folder(({ path: scratch }) =>
    withServer(
      shell,
      programs,
      (run) => progress.step('start SonarQube', run),
      async (url) => {
        const admin = createSonarQube(url, 'admin:admin')
        const token = await progress.step('set the gate', () => admin.prepare())
        const server = { url, token, scratch, java: join(programs, 'jre/bin/java') }
        return use({ server, admin })
      },
    ),
  )
}

/** null: skipped. */
async function onTeamServer(shell: Shell, progress: Progress): Promise<Findings | null> {
  const team = teamOf(process.env)
  if (team === null) {
    const why = 'skipped: there is no secret SONAR_TOKEN, as in the pull request of a fork.'
    console.log(`${process.env.GITHUB_ACTIONS ? '::notice title=Quality gate::' : ''}${why}`)
    return null
  }
  checkCoverage(progress)
  return createScratch().folder(({ path: scratch }) =>
    createJudge(shell, progress, { ...team, scratch, java: null })(root, pullRequests),
  )
}

/** On a server of this machine, by its administrator, and by a team as on a server of its own. */
function testOnOwnServer(shell: Shell, progress: Progress): Promise<number> {
  return onOwnServer(shell, progress, async ({ server, admin }) => {
    const token = await progress.step('add a team', () => admin.addTeam(teamProjects))
    const team = teamOf({ SONAR_HOST_URL: `${server.url}/`, SONAR_TOKEN: token })
    return testGate(
      createJudge(shell, progress, server),
      createJudge(shell, progress, { ...server, ...team }),
      join(root, propertiesFile),
    )
  })
}

/** Ctrl-C ends every program, so that what follows it still removes the server's data. */
function interruptible(shell: Shell, signal: AbortSignal): Shell {
  const ending = (command: Command): Command => ({
    ...command,
    signal: command.signal ? AbortSignal.any([command.signal, signal]) : signal,
  })
  return {
    run: (command, onLine) => shell.run(ending(command), onLine),
    check: (command, onLine) => shell.check(ending(command), onLine),
  }
}

async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const shell = interruptible(createShell(), signal)
  const progress = createProgress(Date.now)
  const [mode = '', ...more] = args
  if (!['', '--team', '--self-test'].includes(mode) || more.length > 0)
    throw refused({
      code: 'bad-option',
      message: `${args.join(' ')} is not an option of \`npm run quality\`.`,
      hint: 'Use none, --team or --self-test.',
    })
  if (mode === '--self-test') return testOnOwnServer(shell, progress)
  if (mode === '') checkCoverage(progress)
  const findings =
    mode === '--team'
      ? await onTeamServer(shell, progress)
      : await onOwnServer(shell, progress, ({ server }) =>
          createJudge(shell, progress, server)(root, 'shop'),
        )
  if (findings) console.log(reportText(findings))
  return exitCodeOf(findings)
}

const propertiesFile = 'sonar-project.properties'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

try {
  process.exitCode = await run(process.argv.slice(2), stop.signal)
} catch (error) {
  process.exitCode = report(stop.signal.aborted ? interrupted() : error, {
    json: false,
    verbose: false,
    title: 'npm run quality',
  })
}
