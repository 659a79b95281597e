// The logs of pods, over a real HTTP server that answers as an API server.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import type { KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createPodLogs } from '../../../src/adapters/kubernetes/pod-logs.ts'
import type { LogQuery, RawLine } from '../../../src/release/ports/logs.ts'
import { overHttp } from '../../fakes/over-http.ts'

let api: KubernetesApi
/** By service. */
let pods: Record<string, object[]> = {}
/** By pod, container and run: what the kubelet has, or how the server answers. */
let logs: Record<string, string | ((response: ServerResponse) => void)> = {}
let asked: string[] = []
let selectors: string[] = []
/** How the server answers instead of a list of pods. */
let listing: ((response: ServerResponse) => void) | null = null

overHttp(answer, (connection) => {
  api = connection
})
beforeEach(() => {
  pods = {}
  logs = {}
  asked = []
  selectors = []
  listing = null
})

function answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://x')
  const [, pod] = /pods\/([^/]+)\/log$/.exec(pathname) ?? []
  if (!pod && listing) return void listing(response)
  if (!pod) {
    const selector = searchParams.get('labelSelector') ?? ''
    selectors.push(selector)
    const [, service = ''] = /name=([^,]+)/.exec(selector) ?? []
    return void response.end(JSON.stringify({ items: pods[service] ?? [] }))
  }
  asked.push(`${pod}?${searchParams}`)
  const run = searchParams.get('previous') === 'true' ? ' previous' : ''
  const log = logs[`${pod}/${searchParams.get('container')}${run}`]
  if (typeof log === 'function') log(response)
  else if (log === undefined) status(response, 404, `pods "${pod}" not found`)
  else response.end(log)
}

function status(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code).end(JSON.stringify({ kind: 'Status', code, message }))
}

function aPod(name: string, color: string | null, states: object[] = [{}], containers = ['main']) {
  return {
    metadata: { name, uid: name, labels: color ? { 'shopctl.dev/color': color } : {} },
    spec: { containers: containers.map((each) => ({ name: each })) },
    status: {
      containerStatuses: states.map((state, index) => ({
        ...{ name: containers[index], restartCount: 0, state: { running: {} } },
        ...state,
      })),
    },
  }
}

const query: LogQuery = {
  ...{ services: ['order', 'payment'], color: null, since: new Date(Date.UTC(2026, 0, 1)) },
  ...{ text: null, word: null, limit: 2 },
}
const signal = new AbortController().signal
const limit = { seconds: 0.5, setting: '' }

function read(more: Partial<LogQuery> = {}, matches = (_: string) => true) {
  return createPodLogs(api, 'shop', limit).read({ ...query, ...more }, matches, signal)
}

it('reads all pods of both colors, and the run before a restart', async () => {
  pods.order = [aPod('order-blue-1', 'blue', [{ restartCount: 2 }]), aPod('order-green-1', 'green')]
  pods.payment = [aPod('payment-1', null)]
  logs = {
    'order-blue-1/main': '2026-01-01T12:00:02.000000000Z two\n',
    'order-blue-1/main previous': '2026-01-01T12:00:01.000000000Z one\n',
    'order-green-1/main': '2026-01-01T12:00:03.000000000Z \n2026-01-01T12:00:04Z four  words',
    'payment-1/main': '',
  }
  const { lines, more, notes } = await read()
  expect({ more, notes }).toEqual({ more: false, notes: [] })
  expect(lines).toHaveLength(4)
  expect(lines).toContainEqual({
    ...{ time: '2026-01-01T12:00:02.000000000Z', service: 'order', color: 'blue' },
    ...{ pod: 'order-blue-1', text: 'two', place: null },
  })
  expect(lines.map(({ text }) => text).sort()).toEqual(['', 'four  words', 'one', 'two'])
  expect(asked).toContain(
    'order-green-1?container=main&previous=false&timestamps=true&sinceTime=2026-01-01T00%3A00%3A00.000Z&tailLines=3',
  )
})

it('reads each container, but none that has not started', async () => {
  const states = [{}, { state: { waiting: { reason: 'ContainerCreating' } } }]
  pods.order = [aPod('order-blue-1', 'blue', states, ['main', 'side'])]
  logs = { 'order-blue-1/main': '2026-01-01T12:00:02Z two' }
  expect((await read()).lines).toHaveLength(1)
  expect(asked).toHaveLength(1)
})

describe('what is missing is said:', () => {
  it.each<[string, (response: ServerResponse) => void, string[]]>([
    [
      'a pod that has ended',
      (to) => status(to, 404, 'not found'),
      ['order-blue-1 ended before its log was read'],
    ],
    ['a container without a log', (to) => status(to, 400, 'is waiting to start'), []],
    [
      'a log that breaks off',
      (to) => {
        to.write('2026-01-01T12:00:02Z two\n')
        setTimeout(() => to.destroy(), 20)
      },
      [expect.stringMatching(/the log of order-blue-1 broke off: /)],
    ],
    [
      'a log that stops',
      (to) => void to.write('2026-01-01T12:00:02Z two\n'),
      ['the log of order-blue-1 broke off: no answer within 0.5 s'],
    ],
    [
      'a kubelet that is away',
      (to) => status(to, 501, 'no kubelet'),
      [expect.stringMatching(/no kubelet/)],
    ],
  ])('%s', async (_, given, notes) => {
    pods.order = [aPod('order-blue-1', 'blue')]
    pods.payment = [aPod('payment-1', 'green')]
    logs = { 'order-blue-1/main': given, 'payment-1/main': '2026-01-01T12:00:01Z one' }
    const found = await read()
    expect(found.notes).toEqual(notes)
    expect(found.lines.map(({ text }) => text)).toContain('one')
  })
})

it('ends a line at a new line alone: what a service writes forges no line', async () => {
  pods.order = [aPod('order-blue-1', 'blue')]
  const forged = 'a\u20282026-01-01T12:00:03Z b\r2026-01-01T12:00:04Z c\u20292026-01-01T12:00:05Z é'
  logs = { 'order-blue-1/main': `2026-01-01T12:00:02Z ${forged}\n2026-01-01T12:00:06Z d\n` }
  const { lines } = await read()
  expect(lines.map(({ text }) => text)).toEqual([forged, 'd'])
})

it('gives what the kubelet itself says the time of the line before', async () => {
  pods.order = [aPod('order-blue-1', 'blue')]
  logs = { 'order-blue-1/main': '2026-01-01T12:00:02Z two\nfailed to watch the file' }
  const { lines } = await read()
  expect(lines[1]).toMatchObject({ time: '2026-01-01T12:00:02Z', text: 'failed to watch the file' })
})

it('is refused where the user may not read logs', async () => {
  pods.order = [aPod('order-blue-1', 'blue')]
  logs = {
    'order-blue-1/main': (to) =>
      status(to, 403, 'pods "order-blue-1" is forbidden: User "a" cannot get resource "pods/log"'),
  }
  await expect(read()).rejects.toMatchObject({ code: 'not-allowed', exitCode: 2 })
})

it('keeps the latest lines that match, of a log of any length', async () => {
  pods.order = [aPod('order-blue-1', 'blue')]
  const line = (number: number) => `2026-01-01T12:00:00.${1_000 + number}Z ${number % 2} ${number}`
  logs = { 'order-blue-1/main': Array.from({ length: 5_000 }, (_, each) => line(each)).join('\n') }
  const { lines, more } = await read({ text: '1 ' }, (text) => text.startsWith('1 '))
  expect(lines.map(({ text }) => text)).toEqual(['1 4997', '1 4999'])
  expect(more).toBe(true)
  // The kubelet must not choose the lines.
  expect(asked[0]).not.toContain('tailLines')
})

it('asks for one color', async () => {
  await read({ color: 'green', services: ['order'] })
  expect(selectors).toEqual(['app.kubernetes.io/name=order,shopctl.dev/color=green'])
})

describe('following', () => {
  /** Until `enough` was found. */
  async function follow(enough: (found: (RawLine | string)[]) => boolean) {
    const stop = new AbortController()
    const found: (RawLine | string)[] = []
    const logsOf = createPodLogs(api, 'shop', limit)
    const late = setTimeout(() => stop.abort(), 8_000)
    for await (const each of logsOf.follow(query, () => true, stop.signal)) {
      found.push(each)
      if (enough(found)) stop.abort()
    }
    clearTimeout(late)
    return found.map((each) => (typeof each === 'string' ? each : each.text))
  }

  it('shows lines as they are written, and says when a pod ends', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    logs['order-blue-1/main'] = (response) => {
      response.write('2026-01-01T12:00:01Z one\n')
      setTimeout(() => {
        pods.order = [aPod('order-blue-1', 'blue', [{ state: { terminated: {} } }])]
        response.end('2026-01-01T12:00:02Z two\n')
      }, 50)
    }
    const found = await follow((so) => so.includes('order-blue-1 has ended'))
    expect(found).toEqual(['one', 'two', 'order-blue-1 has ended'])
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatch(/follow=true/)
  })

  it('finds a pod that starts meanwhile', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    logs['order-blue-1/main'] = (response) => {
      response.write('2026-01-01T12:00:01Z one\n')
      pods.order?.push(aPod('order-green-1', 'green'))
    }
    logs['order-green-1/main'] = (response) => void response.write('2026-01-01T12:00:09Z new\n')
    expect(await follow((so) => so.length === 2)).toEqual(['one', 'new'])
  })

  it('says when a pod ends whose connection broke', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    logs['order-blue-1/main'] = (response) => {
      response.write('2026-01-01T12:00:01Z one\n')
      pods.order = []
      setTimeout(() => response.destroy(), 20)
    }
    const found = await follow((so) => so.includes('order-blue-1 has ended'))
    expect(found).toEqual(['one', 'order-blue-1 has ended'])
  })

  it('goes on where a connection broke', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    let times = 0
    logs['order-blue-1/main'] = (response) => {
      times += 1
      response.write(`2026-01-01T12:00:0${times}Z ${times}\n`)
      if (times === 1) setTimeout(() => response.destroy(), 20)
    }
    expect(await follow((so) => so.length === 2)).toEqual(['1', '2'])
    expect(asked[1]).toContain('sinceTime=2026-01-01T12%3A00%3A01')
  })

  it('goes on where a connection came to its end while the container runs', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    let times = 0
    logs['order-blue-1/main'] = (response) => {
      times += 1
      const line = `2026-01-01T12:00:0${times}Z ${times}\n`
      if (times === 1) response.end(line)
      else response.write(line)
    }
    expect(await follow((so) => so.length === 2)).toEqual(['1', '2'])
    expect(asked[1]).toContain('sinceTime=2026-01-01T12%3A00%3A01')
  })

  it('reads a log to its end that broke before its container ended', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    let times = 0
    logs['order-blue-1/main'] = (response) => {
      times += 1
      if (times > 1) return void response.end('2026-01-01T12:00:02Z last words\n')
      response.write('2026-01-01T12:00:01Z one\n')
      pods.order = [aPod('order-blue-1', 'blue', [{ state: { terminated: {} } }])]
      setTimeout(() => response.destroy(), 20)
    }
    const found = await follow((so) => so.includes('order-blue-1 has ended'))
    expect(found).toEqual(['one', 'last words', 'order-blue-1 has ended'])
  })

  it('goes on after lines without a time', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    logs['order-blue-1/main'] = (response) => {
      response.write('cannot watch\n9999999 what is this\n')
      setTimeout(() => response.destroy(), 20)
    }
    await follow((so) => so.length === 4)
    expect(asked[1]).toContain('sinceTime=2026-01-01T00%3A00%3A00')
  })

  it('waits for a line longer than for an answer', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    logs['order-blue-1/main'] = (response) => {
      setTimeout(() => response.write('2026-01-01T12:00:01Z one\n'), 1_200)
    }
    expect(await follow((so) => so.length === 1)).toEqual(['one'])
    expect(asked).toHaveLength(1)
  })

  const refused = (to: ServerResponse) =>
    status(to, 403, 'pods "order-blue-1" is forbidden: User "a" cannot get resource "pods/log"')

  it('ends where the user may not read logs', async () => {
    pods.order = [aPod('order-blue-1', 'blue'), aPod('order-green-1', 'green')]
    logs['order-blue-1/main'] = refused
    // Its connection must not keep the command.
    let isOpen = true
    logs['order-green-1/main'] = (to) => {
      to.write('2026-01-01T12:00:01Z one\n')
      to.on('close', () => {
        isOpen = false
      })
    }
    await expect(follow(() => false)).rejects.toMatchObject({ code: 'not-allowed' })
    await expect.poll(() => isOpen).toBe(false)
  })

  it('ends where the user may list pods no more', async () => {
    pods.order = [aPod('order-blue-1', 'blue')]
    logs['order-blue-1/main'] = (to) => {
      to.write('2026-01-01T12:00:01Z one\n')
      listing = refused
    }
    await expect(follow(() => false)).rejects.toMatchObject({ code: 'not-allowed' })
  })

  it('says each other problem once', async () => {
    pods.order = [aPod('order-blue-1', 'blue'), aPod('order-green-1', 'green')]
    logs['order-blue-1/main'] = (to) => status(to, 501, 'no kubelet')
    let times = 0
    logs['order-green-1/main'] = (to) => {
      listing = (response) => {
        times += 1
        status(response, 501, 'not now')
        if (times < 2) return
        listing = null
        to.write('2026-01-01T12:00:09Z end\n')
      }
    }
    const found = await follow((so) => so.includes('end'))
    expect(found).toEqual([
      expect.stringMatching(/^the log of order-blue-1 broke off: .*no kubelet/),
      expect.stringMatching(/^The pods cannot be listed: .*not now/),
      'end',
    ])
  })
})
