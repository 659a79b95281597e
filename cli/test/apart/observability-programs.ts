// Starts the stand-ins for kube-state-metrics and for Slack, and an Alertmanager, as processes of a test.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listen } from '../fakes/token-server.ts'
import { until } from '../real/shop.ts'

const running: ChildProcess[] = []

/** Ends all that was started here. */
export async function stopPrograms(): Promise<void> {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await ended
  }
}

export interface Started {
  url: string
  pid: number
  /** What it has logged so far. */
  log(): string
}

/** Runs a part, which listens on a free port. */
export async function startHelper(
  helpers: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Started> {
  const child = spawn(helpers, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  running.push(child)
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  const address = () => /listening on (\S+)\n/.exec(said)?.[1]
  await until('it listens', () => address() !== undefined, 10_000)
  return { url: `http://${address()}`, pid: child.pid ?? 0, log: () => said }
}

/** Alertmanager of this folder of programs, which sends to the receiver. Returns its URL. */
export async function startAlertmanager(programs: string, receiver: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'alertmanager-'))
  const port = createServer()
  const address = await listen(port)
  await new Promise((resolve) => port.close(resolve))
  const config = {
    route: {
      receiver: 'slack',
      group_by: ['service'],
      group_wait: '100ms',
      group_interval: '1s',
      routes: [{ receiver: 'heartbeat', matchers: ['alertname="Watchdog"'] }],
    },
    receivers: [
      {
        name: 'slack',
        slack_configs: [
          {
            api_url: `${receiver}/slack`,
            channel: '#shop',
            send_resolved: true,
            text: '{{ .CommonAnnotations.summary }}',
          },
        ],
      },
      { name: 'heartbeat', webhook_configs: [{ url: `${receiver}/heartbeat` }] },
    ],
  }
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify(config))
  const args = [
    `--config.file=${file}`,
    `--storage.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
    '--cluster.listen-address=',
  ]
  const child = spawn(join(programs, 'alertmanager'), args, { stdio: 'ignore' })
  running.push(child)
  child.once('exit', () => rmSync(folder, { recursive: true }))
  const url = `http://${address}`
  const isReady = async () => (await fetch(`${url}/-/ready`).catch(() => null))?.ok === true
  await until('Alertmanager is ready', isReady, 20_000)
  return url
}
