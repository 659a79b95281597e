// The webhook of Slack, against a server on this machine.
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { safeAddress } from '../../../src/adapters/notices/background.ts'
import { createSlack } from '../../../src/adapters/notices/slack.ts'

const secret = 'T000/B000/verysecret'
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A Slack that answers with these statuses, then 200. `hang`: it never answers. */
async function slackThat(...answers: (number | 'hang' | 'reset')[]) {
  const got: { path: string; type: string; body: unknown }[] = []
  const headers: Record<string, string> = {}
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.parse(await text(request))
    got.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', body })
    const answer = answers.shift() ?? 200
    if (answer === 'hang') return
    if (answer === 'reset') return void request.socket.destroy()
    response.writeHead(answer, headers).end(answer === 200 ? 'ok' : 'no_service')
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const warnings: string[] = []
  const slack = createSlack({
    url: new URL(`http://127.0.0.1:${port}/services/${secret}`),
    agentOf: async () => new Agent(),
    warn: (problem) => warnings.push(problem),
  })
  return { slack, got, warnings, headers }
}

async function tookMs(run: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await run()
  return performance.now() - from
}

it('gets the messages, in order', async () => {
  const { slack, got, warnings } = await slackThat()
  for (const n of [1, 2, 3]) slack.post({ n })
  await slack.settle(5_000)
  expect(got).toEqual(
    [1, 2, 3].map((n) => ({
      ...{ path: `/services/${secret}`, type: 'application/json', body: { n } },
    })),
  )
  expect(warnings).toEqual([])
})

describe('a Slack that', () => {
  it('answers 429 gets the message once more, after a short pause', async () => {
    const { slack, got, warnings, headers } = await slackThat(429)
    headers['retry-after'] = '1'
    slack.post({ n: 1 })
    await slack.settle(5_000)
    expect(got).toHaveLength(2)
    expect(warnings).toEqual([])
  })

  it('asks for a long pause is left alone', async () => {
    const { slack, got, warnings, headers } = await slackThat(429)
    headers['retry-after'] = '30'
    slack.post({ n: 1 })
    expect(await tookMs(() => slack.settle(5_000))).toBeLessThan(4_000)
    expect(got).toHaveLength(1)
    expect(warnings).toEqual(['Slack was not told: it answered 429 (no_service).'])
  })

  it.each<[string, number | 'reset', RegExp]>([
    ['fails', 500, /it answered 500 \(no_service\)/],
    ['knows no such webhook', 404, /it answered 404/],
    ['redirects', 302, /it answered 302/],
    ['breaks off', 'reset', /it cannot be reached \(ECONNRESET\)/],
  ])('%s is named once, without the address', async (_, answer, expected) => {
    const { slack, got, warnings } = await slackThat(answer, answer)
    slack.post({ n: 1 })
    slack.post({ n: 2 })
    await slack.settle(5_000)
    expect(got).toHaveLength(2)
    expect(warnings).toEqual([expect.stringMatching(expected)])
    expect(warnings.join()).not.toContain('verysecret')
  })

  it('hangs delays the end of a command by no more than the limit', async () => {
    const { slack, warnings } = await slackThat('hang')
    expect(await tookMs(async () => slack.post({ n: 1 }))).toBeLessThan(1_000)
    expect(await tookMs(() => slack.settle(300))).toBeLessThan(4_000)
    expect(warnings).toEqual(['Slack was not told: it did not answer in time.'])
  })

  it('does not run is a warning', async () => {
    const warnings: string[] = []
    const slack = createSlack({
      url: new URL(`http://127.0.0.1:1/services/${secret}`),
      agentOf: async () => new Agent(),
      warn: (problem) => warnings.push(problem),
    })
    slack.post({ n: 1 })
    await slack.settle(5_000)
    expect(warnings).toEqual(['Slack was not told: it cannot be reached (ECONNREFUSED).'])
  })
})

it.each<[string, boolean]>([
  ['https://hooks.slack.com/services/T/B/x', true],
  [' https://hooks.slack.com/services/T/B/x\n', true],
  ['http://127.0.0.1:8080/x', true],
  ['http://hooks.slack.com/services/T/B/x', false],
  ['hooks.slack.com/services/T/B/x', false],
  ['file:///etc/passwd', false],
  ['xoxb-token', false],
])('%j may be a webhook: %s', (value, expected) => {
  expect(safeAddress(value) !== null).toBe(expected)
})
