// SQL on the database of environment `test`, as its superuser, inside its own pod.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { kubectlOk, namespace, platformEnv } from './shop.ts'

function psqlArgs(database: string): string[] {
  return [
    ...['psql', '--host=/run/postgresql', '--username=postgres', `--dbname=${database}`],
    ...['--no-psqlrc', '--tuples-only', '--no-align', '--quiet', '--set=ON_ERROR_STOP=1'],
  ]
}

/** Runs one statement and returns what it prints, trimmed. */
export async function psql(database: string, sql: string): Promise<string> {
  const args = ['exec', 'postgres-0', '--container=postgres', '--', ...psqlArgs(database)]
  return (await kubectlOk(...args, `--command=${sql}`)).trim()
}

export interface Epoch {
  epoch: number
  /** When its first and its last event was committed as handled, in milliseconds since 1970. */
  first: number
  last: number
}

/** The epochs from `since` on in which a service has handled something; a repeated delivery is no handling. */
export async function epochs(service: string, since: number): Promise<Epoch[]> {
  const printed = await psql(
    service,
    `SELECT json_build_object('epoch', epoch, 'first', min(at), 'last', max(at)) FROM (
       SELECT epoch, 1000 * extract(epoch FROM pg_xact_commit_timestamp(xmin)) AS at
       FROM inbox WHERE epoch >= ${since} AND repeats = 0
     ) AS handled GROUP BY epoch ORDER BY epoch`,
  )
  return printed
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Epoch)
}

/** Milliseconds from the last commit of each epoch to the first of the next, from `since` on. */
export async function handovers(service: string, since: number): Promise<number[]> {
  const all = await epochs(service, since)
  return all.slice(1).map(({ first }, n) => first - (all[n]?.last ?? Number.NaN))
}

/** Opens a session, runs `sql`, and keeps it open until `end` has run its last statement. */
export async function startPsql(
  database: string,
  sql: string,
): Promise<{ end(last: string): Promise<void> }> {
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
