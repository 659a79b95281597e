// Runs a script of this repo on a machine where nothing is installed yet: installs node_modules from the lockfile,
// then runs the script with the Node 24 in it. Plain JavaScript without dependencies, for Node 18 and later.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const [script, ...args] = process.argv.slice(2)
const modules = join(root, 'node_modules')
const stamp = join(modules, '.installed-lockfile')
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  const started = Date.now()
  process.stderr.write('- installing npm packages\n')
  const { status, error } = spawnSync(
    'npm',
    ['ci', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (status !== 0) {
    const why = error ? `: ${error.message}` : ''
    process.stderr.write(
      `npm ci failed${why}. Check that the npm registry is reachable, then run the same command again.\n`,
    )
    process.exit(1)
  }
  writeFileSync(stamp, lock)
  process.stderr.write(
    `✓ installing npm packages ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  )
}

const bin = join(modules, '.bin')
const child = spawn(join(bin, 'node'), [join(root, script), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
})
// A terminal sends Ctrl-C to the child too. A SIGTERM for this process is forwarded.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('error', (error) => {
  process.stderr.write(`${error.message}\nDelete node_modules and run the same command again.\n`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
