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
import { exitCodeOf, reportText } from './report.ts'
import { scan } from './scan.ts'
import { testGate } from './self-test.ts'
import { checkUser, withServer } from './server.ts'
import { createSonarQube, type Findings, type Judge } from './sonarqube.ts'

const root = join(import.meta.dirname, '..', '..')
const projects = ['unit', 'services', 'apart', 'real']
/** Pull requests have a project of their own: the free edition would overwrite the results of the main branch. */
const pullRequests = 'shop-pull-requests'

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

async function onOwnServer<T>(
  shell: Shell,
  progress: Progress,
  use: (judge: Judge) => Promise<T>,
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
        const sonarqube = createSonarQube(url, 'admin:admin')
        const token = await progress.step('set the gate', () => sonarqube.prepare())
        const java = join(programs, 'jre/bin/java')
        return use(async (folder, project) => {
          const task = await progress.step(`scan ${project}`, () =>
            scan(shell, { folder, project, url, token, scratch, java }),
          )
          const analysis = await progress.step(`judge ${project}`, () => sonarqube.processed(task))
          return sonarqube.findings(project, analysis)
        })
      },
    ),
  )
}

/** null: skipped. */
async function onTeamServer(shell: Shell, progress: Progress): Promise<Findings | null> {
  const { SONAR_TOKEN: token = '', SONAR_HOST_URL: url = '' } = process.env
  if (token === '') {
    const why = 'skipped: there is no secret SONAR_TOKEN, as in the pull request of a fork.'
    console.log(`${process.env.GITHUB_ACTIONS ? '::notice title=Quality gate::' : ''}${why}`)
    return null
  }
  if (!URL.canParse(url))
    throw refused({
      code: 'no-server',
      message: 'SONAR_HOST_URL is not the URL of a SonarQube server.',
      hint: 'Set it to the address of your server: https://sonarqube.example.com',
    })
  checkCoverage(progress)
  return createScratch().folder(async ({ path: scratch }) => {
    const sonarqube = createSonarQube(url.replace(/\/$/, ''), `${token}:`)
    const scanned = { folder: root, project: pullRequests, url, token, scratch, java: null }
    const task = await progress.step('scan', () => scan(shell, scanned))
    const analysis = await progress.step('judge', () => sonarqube.processed(task))
    return sonarqube.findings(pullRequests, analysis)
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
  if (mode === '--self-test')
    return onOwnServer(shell, progress, (judge) => testGate(judge, join(root, propertiesFile)))
  if (mode === '') checkCoverage(progress)
  const findings =
    mode === '--team'
      ? await onTeamServer(shell, progress)
      : await onOwnServer(shell, progress, (judge) => judge(root, 'shop'))
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
