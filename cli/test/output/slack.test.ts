// The messages for Slack, by the events of a command. Each is what Block Kit takes.
import { describe, expect, it } from 'vitest'
import {
  createSlackMessages,
  type SlackMessage,
  type SlackSubject,
} from '../../src/output/slack.ts'
import type { Event, EventKind, Payload } from '../../src/release/ports/events.ts'
import { operationSchema } from '../../src/release/record.ts'
import { blockKit } from '../fakes/block-kit.ts'

const subject = {
  ...{ system: 'shop', env: 'production', by: 'octocat@github.com' },
  run: 'https://github.com/acme/shop/actions/runs/7',
}

const side = (color: string, version: string) => ({
  ...{ color, version, digest: 'sha256:abc', revision: 'a1' },
})

const record = operationSchema.parse({
  ...{ version: 1, number: 7, release: 'r-2', verb: 'switch', reason: null, phases: [] },
  ...{ startedAt: '2026-01-01T00:00:00Z', endedAt: null, by: subject.by, run: subject.run },
  ...{ outcome: 'done', error: null },
  services: [
    {
      ...{ name: 'order', from: side('blue', '1.2'), to: side('green', '1.3') },
      proof: { endpointsMs: 20, consumersMs: 119, epoch: 7 },
    },
    { name: 'web', from: null, to: side('blue', '2.0'), proof: { endpointsMs: 31 } },
  ],
})
type Over = Partial<typeof record>

function event<K extends EventKind>(kind: K, payload: Payload<K>): Event {
  return { version: 1, time: '2026-01-01T00:00:00Z', kind, payload } as Event
}
const started = (verb: 'deploy' | 'smoke' | 'switch' | 'rollback', over: Over = {}): Event =>
  event('operation.started', { operation: { ...record, verb, outcome: null, ...over } })
const ended = (verb: 'deploy' | 'smoke' | 'switch' | 'rollback', over: Over = {}): Event =>
  event('operation.ended', { operation: { ...record, verb, ...over } })
const over = (command: string, exitCode: number): Event => {
  const error = { code: 'x', message: 'It <failed> & so on.', hint: 'Run `shopctl status`.' }
  return event('command.ended', { command, exitCode, result: null, error })
}
const done = (command: string): Event =>
  event('command.ended', { command, exitCode: 0, result: null, error: null })

function messages(...events: readonly Event[]): SlackMessage[] {
  return messagesOf(subject, events)
}
function messagesOf(of: SlackSubject, events: readonly Event[]): SlackMessage[] {
  const messageOf = createSlackMessages(of)
  const sent = events.flatMap((each) => messageOf(each) ?? [])
  for (const each of sent) blockKit.parse(each)
  return sent
}
const titles = (...events: readonly Event[]): string[] =>
  messages(...events).map(({ text }) => text)

const start = 'Deploying shop to production'
const live = 'shop r-2 is live in production'
const back = 'shop was rolled back in production: r-2'

describe('the messages of', () => {
  it.each<[string, Event[], string[]]>([
    [
      'a release',
      [
        ...[started('deploy'), ended('deploy'), started('smoke'), ended('smoke')],
        ...[started('switch'), ended('switch'), done('release')],
      ],
      [start, live],
    ],
    ['a deploy', [started('deploy'), ended('deploy'), done('deploy')], [start]],
    ['a switch', [started('switch'), ended('switch'), done('switch')], [live]],
    ['a rollback', [started('rollback'), ended('rollback'), done('rollback')], [back]],
    [
      'a rollback that deploys again',
      [started('deploy'), ended('deploy'), started('rollback'), ended('rollback')],
      [start, back],
    ],
    [
      'a switch that was put back',
      [started('switch'), ended('switch', { outcome: 'undone' }), over('switch', 1)],
      ['shop: switch failed in production'],
    ],
    [
      'a release whose smoke test failed',
      [
        started('deploy'),
        ended('deploy'),
        ended('smoke', { outcome: 'failed' }),
        over('release', 1),
      ],
      [start, 'shop: release failed in production'],
    ],
    [
      'a build that failed in a release',
      [over('release', 1)],
      ['shop: release failed in production'],
    ],
    ['a build that failed', [over('build', 1)], ['shop: build failed in production']],
    ['a resume that failed', [over('resume', 1)], ['shop: resume failed in production']],
    ['a push that failed', [over('push', 1)], ['shop: push failed in production']],
    ['a build that was refused', [over('build', 2)], ['shop: build failed in production']],
    [
      'a release that was interrupted',
      [started('deploy'), over('release', 130)],
      [start, 'shop: release failed in production'],
    ],
    [
      'a release that was refused half-way',
      [started('deploy'), ended('deploy'), over('release', 2)],
      [start, 'shop: release failed in production'],
    ],
    ['a deploy that was refused', [over('deploy', 2)], ['shop: deploy failed in production']],
    ['a command that was interrupted before it began', [over('deploy', 130)], []],
    ['a command that only looks', [over('status', 1)], []],
    ['a command that only looks, and was refused', [over('status', 2)], []],
    ['steps and notes', [event('note', { text: 'x' }), event('step.started', { step: 'x' })], []],
  ])('%s', (_, events, expected) => {
    expect(titles(...events)).toEqual(expected)
  })
})

describe('at a terminal, where somebody reads the refusal, the messages of', () => {
  it.each<[string, Event[], string[]]>([
    ['a deploy that was refused', [over('deploy', 2)], []],
    ['a deploy that failed', [over('deploy', 1)], ['shop: deploy failed in production']],
    ['a build that failed', [over('build', 1)], []],
    [
      'a release that was refused half-way',
      [started('deploy'), ended('deploy'), over('release', 2)],
      [start, 'shop: release failed in production'],
    ],
  ])('%s', (_, events, expected) => {
    const sent = messagesOf({ ...subject, run: null }, events)
    expect(sent.map(({ text }) => text)).toEqual(expected)
  })
})

it('a switch has its proof, its reason, who did it, and a link to the run', () => {
  const [message] = messages(ended('switch', { reason: 'a <new> price' }))
  expect(message?.blocks).toEqual([
    { type: 'header', text: { type: 'plain_text', text: live } },
    {
      type: 'section',
      text: {
        type: 'mrkdwn',
        text: '• *order* blue 1.2 → green 1.3 · HTTP 20 ms · EVENTS 119 ms\n• *web* nothing → blue 2.0 · HTTP 31 ms',
      },
    },
    {
      type: 'context',
      elements: [
        { type: 'mrkdwn', text: 'by octocat@github.com' },
        { type: 'mrkdwn', text: 'a &lt;new&gt; price' },
        { type: 'mrkdwn', text: '<https://github.com/acme/shop/actions/runs/7|Workflow run>' },
      ],
    },
  ])
})

it('a failure says what to do, and calls nobody by <!channel>', () => {
  const [message] = messages(over('deploy', 1))
  expect(message?.blocks[1]).toEqual({
    type: 'section',
    text: { type: 'mrkdwn', text: 'It &lt;failed&gt; &amp; so on.\nRun `shopctl status`.' },
  })
})

it('what another program printed stays where it was printed: it may hold secrets', () => {
  const message = 'docker push order failed:\npassword=hunter2\nand more'
  const error = { code: 'push-failed', message, hint: null }
  const [sent] = messages(
    event('command.ended', { command: 'release', exitCode: 1, result: null, error }),
  )
  expect(sent?.blocks[1]).toMatchObject({ text: { text: 'docker push order failed.' } })
  expect(JSON.stringify(sent)).not.toContain('hunter2')
})

it('fits in the limits of Slack, however long all of it is', () => {
  const long = '<&>'.repeat(5_000)
  const services = Array.from({ length: 60 }, (_, index) => ({
    ...{ name: `s-${index}`, from: null, to: { ...side('blue', long.slice(0, 200)) } },
  })) as Over['services']
  const odd = { ...subject, system: long, env: long }
  const messageOf = createSlackMessages(odd)
  const error = { code: 'x', message: long, hint: long }
  for (const each of [
    ended('switch', { services: services ?? [], reason: long }),
    event('command.ended', { command: 'deploy', exitCode: 1, result: null, error }),
  ])
    blockKit.parse(messageOf(each))
  expect(messages(ended('switch', { services: services ?? [] }))[0]?.blocks[1]).toMatchObject({
    text: { text: expect.stringMatching(/and 45 more|…$/) },
  })
})

describe('a watch', () => {
  const breached = (cause: 'release' | 'outside') =>
    event('watch.breached', { release: 'r-2', cause, text: 'errors of order: 4 of 5 <failed>' })
  const rolledBack = event('command.ended', {
    ...{ command: 'switch', exitCode: 1, result: null },
    error: { code: 'rolled-back', message: 'r-2 was rolled back.', hint: null },
  })

  it('tells of a breach and of the rollback, once each', () => {
    const back = ended('rollback', { release: 'r-3' })
    expect(
      titles(ended('switch'), breached('release'), started('rollback'), back, rolledBack),
    ).toEqual([
      'shop r-2 is live in production',
      'shop r-2 is worse than before in production: it goes back',
      'shop was rolled back in production: r-3',
    ])
  })

  it('that was cancelled leaves a switch that is done', () => {
    const ending = event('watch.ended', { release: 'r-2', outcome: 'ended', text: 'interrupted' })
    const error = { code: 'interrupted', message: 'Interrupted.', hint: 'r-2 is live.' }
    const cancelled = event('command.ended', {
      command: 'switch',
      exitCode: 130,
      result: null,
      error,
    })
    expect(titles(started('switch'), ended('switch'), ending, cancelled)).toEqual([
      'shop r-2 is live in production',
      'shop r-2 stays live in production, and nobody watches it any more',
    ])
    const failing = 'shop: switch failed in production'
    expect(titles(started('switch'), cancelled)).toEqual([failing])
    expect(titles(started('switch'), breached('release'), cancelled).at(-1)).toBe(failing)
  })

  it('tells of failures whose cause is outside, and which', () => {
    const [message] = messages(breached('outside'))
    expect(message?.text).toBe('shop in production: both slots fail, so r-2 stays')
    expect(JSON.stringify(message)).toContain('errors of order: 4 of 5 &lt;failed&gt;')
  })
})
