// Where the alerts of charts/observability go, and in which words, by Alertmanager's own amtool.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chart, type Rendered, renderAlerts, runProgram } from './alerts.ts'

let rendered: Rendered
let config: string

beforeAll(async () => {
  rendered = await renderAlerts()
  config = join(rendered.folder, 'alertmanager.yml')
})

afterAll(() => rendered.remove())

describe('routes', () => {
  it('are a configuration without a mistake', async () => {
    const { exitCode, output } = await runProgram('amtool', ['check-config', config])
    expect(output).toContain('SUCCESS')
    expect(exitCode).toBe(0)
  })

  it.each([
    ['critical', ['alertname=ServiceDown', 'severity=critical', 'environment=local']],
    ['warning', ['alertname=LatencyHigh', 'severity=warning', 'environment=local']],
    ['warning', ['alertname=OfSomebodyElse']],
    ['nobody', ['alertname=SwitchRunning', 'severity=none', 'environment=local']],
    ['heartbeat', ['alertname=Watchdog', 'severity=none', 'environment=cluster']],
  ])('%s gets %j', async (receiver, labels) => {
    const args = ['config', 'routes', 'test', `--config.file=${config}`]
    const { stdout } = await runProgram('amtool', [...args, ...labels])
    expect(stdout.trim()).toBe(receiver)
  })

  it('lead nowhere without a Secret', async () => {
    const silent = await renderAlerts({ receiver: false })
    const file = readFileSync(join(silent.folder, 'alertmanager.yml'), 'utf8')
    silent.remove()
    expect(file).not.toMatch(/slack_configs|webhook_configs/)
  })
})

interface Alert {
  status: 'firing' | 'resolved'
  summary: string
  description?: string
  /** Its file, when no address is known. */
  runbook?: string
}

describe('the message', () => {
  async function renderMessage(part: 'title' | 'text', alerts: readonly Alert[]): Promise<string> {
    const data = join(rendered.folder, 'data.json')
    const [first] = alerts
    const firing = alerts.some(({ status }) => status === 'firing')
    const document = {
      status: firing ? 'firing' : 'resolved',
      alerts: alerts.map(
        ({ status, summary, description = 'No pod of it is ready.', runbook }) => ({
          status,
          labels: { severity: 'critical' },
          annotations: {
            summary,
            description,
            command: 'shopctl status --env local',
            ...(runbook ? { runbook } : { runbook_url: 'https://runbooks.example/ServiceDown.md' }),
            dashboard_url: 'https://grafana.example/d/shop?var-environment=local&var-service=order',
          },
          startsAt: '2026-01-01T10:00:00Z',
          endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : '2026-01-01T10:02:30Z',
        }),
      ),
      groupLabels: { environment: 'local', service: 'order' },
      commonLabels: { severity: 'critical' },
      commonAnnotations: alerts.length === 1 ? { summary: first?.summary } : {},
    }
    writeFileSync(data, JSON.stringify(document))
    const template = readFileSync(join(chart, `files/slack-${part}.tmpl`), 'utf8')
    const { stdout } = await runProgram('amtool', [
      ...['template', 'render', '--template.glob=nothing', `--template.data=${data}`],
      `--template.text=${template}`,
    ])
    return stdout.replace(/\n$/, '')
  }

  const down: Alert = { status: 'firing', summary: 'order is down' }
  const links =
    '<https://runbooks.example/ServiceDown.md|runbook> <https://grafana.example/d/shop?var-environment=local&amp;var-service=order|dashboard>'

  it('has a title that says what and where', async () => {
    expect(await renderMessage('title', [down])).toBe(
      ':red_circle: Critical · local order · order is down',
    )
    const two = [down, { ...down, summary: 'order is slow' }]
    expect(await renderMessage('title', two)).toBe(':red_circle: Critical · local order · 2 alerts')
    const ended = await renderMessage('title', [{ ...down, status: 'resolved' }])
    expect(ended).toBe(':white_check_mark: Resolved · local order · order is down')
  })

  it('has a line for each alert', async () => {
    const ended: Alert = { status: 'resolved', summary: 'order is slow' }
    const lines = (await renderMessage('text', [down, ended])).trimEnd().split('\n')
    expect(lines).toEqual([
      `• *order is down.* No pod of it is ready. \`shopctl status --env local\` ${links}`,
      ':white_check_mark: ~order is slow~ from 10:00:00 to 10:02:30 UTC',
    ])
  })

  it('names the file of a runbook that has no address', async () => {
    const runbook = 'charts/observability/runbooks/ServiceDown.md'
    expect(await renderMessage('text', [{ ...down, runbook }])).toContain(
      `\`shopctl status --env local\` ${runbook} <https://grafana.example/`,
    )
  })

  it('escapes what Slack would take for markup', async () => {
    const odd: Alert = { status: 'firing', summary: '<!channel> & co', description: 'a > b' }
    expect(await renderMessage('text', [odd])).toContain('*&lt;!channel&gt; &amp; co.* a &gt; b ')
    expect(await renderMessage('title', [odd])).toContain('&lt;!channel&gt; &amp; co')
  })

  it('is bounded', async () => {
    const long: Alert = {
      status: 'firing',
      summary: '&'.repeat(5_000),
      description: '<'.repeat(9_000),
    }
    const many = [...Array(200).fill(long), ...Array(200).fill({ ...long, status: 'resolved' })]
    const message = await renderMessage('text', many)
    expect(message.trimEnd().split('\n')).toHaveLength(31)
    expect(message).toContain('All in all 400 alerts.')
    expect(message.length).toBeLessThan(60_000)
    // Before escapes, which count as one character each.
    expect(message.replaceAll(/&(amp|lt|gt);/g, '&').length).toBeLessThan(20_000)
    expect((await renderMessage('title', [long])).replaceAll('&amp;', '&').length).toBeLessThan(300)
  })
})
