// One run of a command, with a real file for its events and a real Slack on this machine.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openSession } from '../../src/context/session.ts'
import { failed } from '../../src/errors.ts'
import type { Result } from '../../src/output/result.ts'
import { type Event, payloads } from '../../src/release/ports/events.ts'
import { startGitHub } from '../act/github.ts'
import { blockKit } from '../fakes/block-kit.ts'
import { createShop } from '../fakes/shop.ts'

const closing: (() => void)[] = []
let file = ''
let stderr = ''
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'session-'))
  file = join(folder, 'events.ndjson')
  stderr = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    stderr += chunk
    return true
  })
  closing.push(() => rmSync(folder, { recursive: true }))
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const close of closing.splice(0)) close()
})

/** `hangs`: it never answers. */
async function startSlack({ hangs = false } = {}): Promise<{ url: string; got: unknown[] }> {
  const got: unknown[] = []
  const server = createServer(async (request, response) => {
    got.push(JSON.parse(await text(request)))
    if (!hangs) response.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/services/verysecret`, got }
}

const result: Result = { document: { version: 1 }, text: () => '', summary: 'done' }
const subject = { system: 'shop', env: 'production', variable: 'TEAM_SLACK', grafana: null }

function sessionWith(variables: NodeJS.ProcessEnv, command = 'release') {
  const all = { SHOPCTL_EVENTS_FILE: file, ...variables }
  return openSession({ command, env: 'production', services: null, variables: all })
}

function eventsOf(): Event[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const events = lines.map((line) => JSON.parse(line) as Event)
  for (const { kind, payload } of events) payloads[kind].parse(payload)
  return events
}

it('tells a release to the file and to Slack, and nobody the webhook', async () => {
  const { url, got } = await startSlack()
  const session = sessionWith({ TEAM_SLACK: url })
  await session.tellOthers(subject)
  const shop = createShop()
  await session.tell(async () => {
    await shop.release({}, { events: session.events, progress: session.progress })
    return result
  })
  await session.close()
  for (const message of got) blockKit.parse(message)
  expect(got).toMatchObject([
    { text: 'Deploying shop to production' },
    { text: 'shop r-1 is live in production' },
  ])
  const kinds = eventsOf().map(({ kind }) => kind)
  expect(kinds[0]).toBe('command.started')
  expect(kinds.at(-1)).toBe('command.ended')
  expect(kinds).toContain('step.ended')
  expect(`${stderr}${readFileSync(file, 'utf8')}`).not.toContain('verysecret')
})

it('tells GitHub of the switch in a workflow, and nobody else the token', async () => {
  const token = 'ghs_verysecret'
  const gitHub = await startGitHub('acme/shop', token)
  closing.push(gitHub.stop)
  const job = {
    ...{ GITHUB_ACTIONS: 'true', GITHUB_API_URL: gitHub.url, GITHUB_TOKEN: token },
    ...{ GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: 'abc' },
  }
  // The last one has what a workflow has, and is none.
  for (const variables of [job, { ...job, GITHUB_TOKEN: '' }, { ...job, GITHUB_ACTIONS: '' }]) {
    const session = sessionWith(variables)
    await session.tellOthers({ ...subject, variable: undefined })
    await createShop().release({}, { events: session.events })
    await session.close()
  }
  expect(gitHub.deployments).toMatchObject([
    { environment: 'production', states: ['in_progress', 'success'] },
  ])
  // Only the job hides the token in its log.
  expect(stderr.match(/.*verysecret/g)).toEqual(['::add-mask::ghs_verysecret'])
  expect(readFileSync(file, 'utf8')).not.toContain('verysecret')
})

it('tells Grafana of the switch, and nobody the token', async () => {
  const got: unknown[] = []
  const server = createServer(async (request, response) => {
    got.push([request.url, request.headers.authorization, JSON.parse(await text(request))])
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/grafana`
  const variables: NodeJS.ProcessEnv = { TEAM_GRAFANA: 'glsa_verysecret', GITHUB_ACTIONS: 'true' }
  const options = { command: 'release', env: 'production', services: null, variables }
  const session = openSession(options)
  await session.tellOthers({ ...subject, grafana: { url, token: 'TEAM_GRAFANA' } })
  expect(variables).not.toHaveProperty('TEAM_GRAFANA')
  await createShop().release({}, { events: session.events })
  await session.close()
  const tags = ['production', 'r-1', 'order', 'payment', 'switch']
  expect(got).toMatchObject([['/grafana/api/annotations', 'Bearer glsa_verysecret', { tags }]])
  expect(stderr.match(/.*verysecret/g)).toEqual(['::add-mask::glsa_verysecret'])
})

it('hands out a secret, hides it, and lets no program inherit it', () => {
  const variables: NodeJS.ProcessEnv = { TOKEN: 'verysecret', GITHUB_ACTIONS: 'true' }
  const session = openSession({ command: 'status', env: 'a', services: null, variables })
  expect([session.secretOf('TOKEN'), session.secretOf('TOKEN')]).toEqual([
    'verysecret',
    'verysecret',
  ])
  expect(session.secretOf('OTHER')).toBeUndefined()
  expect(variables).toEqual({ GITHUB_ACTIONS: 'true' })
  expect(stderr).toBe('::add-mask::verysecret\n')
})

it('in a workflow the webhook is a secret of the job from the start, however its variable is called', async () => {
  const [usual, own] = [
    'https://hooks.slack.com/services/T/usual',
    'https://hooks.slack.com/services/T/own',
  ]
  const variables = { GITHUB_ACTIONS: 'true', SHOPCTL_SLACK_WEBHOOK: usual, TEAM_SLACK: own }
  const session = sessionWith(variables)
  await session.tellOthers(subject)
  expect(stderr).toBe(`::add-mask::${usual}\n::add-mask::${own}\n`)
})

it('tells a failure with its exit code, and throws it on', async () => {
  const { url, got } = await startSlack()
  const session = sessionWith({ TEAM_SLACK: url })
  await session.tellOthers(subject)
  const error = failed({ code: 'smoke-failed', message: 'No.', hint: 'Look.' })
  await expect(session.tell(async () => Promise.reject(error))).rejects.toBe(error)
  await session.close()
  expect(got).toMatchObject([{ text: 'shop: release failed in production' }])
  expect(eventsOf().at(-1)).toMatchObject({
    ...{ kind: 'command.ended' },
    payload: { exitCode: 1, result: null, error: { code: 'smoke-failed', hint: 'Look.' } },
  })
})

it('a Slack that hangs delays the end by two seconds at most, and changes nothing', async () => {
  const { url, got } = await startSlack({ hangs: true })
  const session = sessionWith({ TEAM_SLACK: url })
  await session.tellOthers(subject)
  const shop = createShop()
  const from = performance.now()
  await session.tell(async () => {
    await shop.release({}, { events: session.events })
    return result
  })
  const told = performance.now() - from
  await session.close()
  // An answer may take 5 s: nothing waits for it. The machine may be busy.
  expect(told).toBeLessThan(3_000)
  expect(performance.now() - from).toBeLessThan(4_800)
  expect(got).toHaveLength(1)
  expect(stderr).toContain('Slack was not told: it did not answer in time.')
  expect(eventsOf().at(-1)?.kind).toBe('command.ended')
})

it.each<[string, NodeJS.ProcessEnv, string | undefined, RegExp]>([
  ['without any variable nothing is said', {}, undefined, /^$/],
  ['a variable that shopctl.yaml names and that is not set', {}, 'TEAM_SLACK', /TEAM_SLACK is not/],
  ['no address', { TEAM_SLACK: 'xoxb-verysecret' }, 'TEAM_SLACK', /TEAM_SLACK is no https address/],
  [
    'no address by default',
    { SHOPCTL_SLACK_WEBHOOK: 'http://far.example/verysecret' },
    undefined,
    /SHOPCTL_SLACK_WEBHOOK is no https address/,
  ],
])('%s', async (_, variables, variable, expected) => {
  const session = sessionWith(variables)
  await session.tellOthers({ ...subject, variable })
  const shop = createShop()
  await shop.release({}, { events: session.events })
  await session.close()
  expect(stderr).toMatch(expected)
  expect(stderr.split('Slack').length).toBeLessThanOrEqual(2)
  expect(stderr).not.toContain('verysecret')
})

it('programs of the command do not inherit the webhook, however its variable is called', async () => {
  const { url, got } = await startSlack()
  const variables = {
    ...{ SHOPCTL_EVENTS_FILE: file, SHOPCTL_SLACK_WEBHOOK: url, TEAM_SLACK: url, PATH: '/bin' },
  }
  const options = { command: 'release', env: 'production', services: null, variables }
  const session = openSession(options)
  expect(Object.keys(variables)).toEqual(['SHOPCTL_EVENTS_FILE', 'TEAM_SLACK', 'PATH'])
  await session.tellOthers(subject)
  expect(Object.keys(variables)).toEqual(['SHOPCTL_EVENTS_FILE', 'PATH'])
  await createShop().release({}, { events: session.events })
  await session.close()
  expect(got).toHaveLength(2)
})

it('the event of a private result holds no document', async () => {
  const session = sessionWith({}, 'messages show')
  await session.tell(async () => ({ ...result, isPrivate: true as const }))
  expect(eventsOf().at(-1)).toMatchObject({ payload: { exitCode: 0, result: null } })
})

it('an unwritable file refuses the session', () => {
  expect(() => sessionWith({ SHOPCTL_EVENTS_FILE: '/' })).toThrow(
    expect.objectContaining({ code: 'events-file', exitCode: 2 }),
  )
})
