// SQL on the database of environment `test`, as its superuser, inside its own pod.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { kubectlOk, namespace, platformEnv } from './shop.ts'

const psqlArgs = (database: string): string[] => [
  ...['psql', '--host=/run/postgresql', '--username=postgres', `--dbname=${database}`],
  ...['--no-psqlrc', '--tuples-only', '--no-align', '--quiet', '--set=ON_ERROR_STOP=1'],
]

/** Runs one statement and returns what it prints, trimmed. */
export const psql = async (database: string, sql: string): Promise<string> => {
  const args = ['exec', 'postgres-0', '--container=postgres', '--', ...psqlArgs(database)]
  return (await kubectlOk(...args, `--command=${sql}`)).trim()
}

/** Opens a session, runs `sql`, and keeps it open until `end` has run its last statement. */
export const startPsql = async (
  database: string,
  sql: string,
): Promise<{ end(last: string): Promise<void> }> => {
  const args = ['-n', namespace, 'exec', '-i', 'postgres-0', '--container=postgres', '--']
  const child = spawn('kubectl', [...args, ...psqlArgs(database)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...(await platformEnv()) },
  })
  child.stdin.write(`${sql}\nSELECT 'ready';\n`)
  let printed = ''
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    printed += chunk
    if (printed.includes('ready')) break
  }
  child.stdout.resume()
  return {
    async end(last) {
      child.stdin.end(`${last}\n`)
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
