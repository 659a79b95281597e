// A page in a real Chromium, by its DevTools protocol.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

/** How the page is shown. */
export interface Look {
  media?: 'screen' | 'print'
  scheme?: 'light' | 'dark'
  /** Pixels. */
  width?: number
}

export interface Tab {
  /** The value of an expression of the page, which JSON can hold. */
  evaluate<T>(expression: string): Promise<T>
  show(look: Look): Promise<void>
  /** A PNG of the page from its top on, at most `height` pixels high. */
  screenshot(height: number): Promise<Buffer>
  pdf(): Promise<Buffer>
  /** The URLs that the page has asked for, itself among them. */
  requests: readonly string[]
  /** What the browser had to say of the page: errors, what its policy forbids. */
  complaints: readonly string[]
}

type Send = (method: string, parameters?: object) => Promise<Record<string, unknown>>

/** Opens a file, and closes the browser after `use`. */
export async function inBrowser<T>(file: string, use: (tab: Tab) => Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  const args = [
    ...['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
    ...['--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
  ]
  const child = spawn('chromium', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'close')
  try {
    const socket = new WebSocket(await addressOf(child))
    await once(socket, 'open')
    return await use(await openTab(socket, pathToFileURL(file).href))
  } finally {
    child.kill()
    await ended.catch(() => {})
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function addressOf(child: ReturnType<typeof spawn>): Promise<string> {
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(`chromium does not start: run \`apt-get install chromium\` (${error})`)
  })
  const found = (async () => {
    if (child.stderr)
      for await (const line of createInterface(child.stderr)) {
        const [, address] = /^DevTools listening on (ws:\S+)/.exec(line) ?? []
        if (address) return address
      }
    throw new Error('chromium ended before it could be asked')
  })()
  return Promise.race([found, failed])
}

async function openTab(socket: WebSocket, url: string): Promise<Tab> {
  const [requests, complaints]: [string[], string[]] = [[], []]
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>()
  const loaded = Promise.withResolvers<void>()
  socket.addEventListener('message', ({ data }) => {
    const { id, method, params, result, error } = JSON.parse(String(data))
    const call = waiting.get(id)
    if (error) call?.reject(new Error(error.message))
    else call?.resolve(result)
    if (method === 'Network.requestWillBeSent') requests.push(params.request.url)
    if (method === 'Log.entryAdded') complaints.push(params.entry.text)
    if (method === 'Runtime.exceptionThrown') complaints.push(params.exceptionDetails.text)
    if (method === 'Page.loadEventFired') loaded.resolve()
  })
  let last = 0
  const call = (method: string, params: object, sessionId?: string) => {
    last += 1
    const answer = Promise.withResolvers<Record<string, unknown>>()
    waiting.set(last, answer)
    socket.send(JSON.stringify({ id: last, method, params, ...(sessionId && { sessionId }) }))
    return answer.promise
  }
  const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
  const send: Send = (method, parameters = {}) => call(method, parameters, String(sessionId))
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await send(`${domain}.enable`)
  await send('Page.navigate', { url })
  await loaded.promise
  return { ...tabOf(send), requests, complaints }
}

function tabOf(send: Send): Omit<Tab, 'requests' | 'complaints'> {
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      ...{ expression, returnByValue: true },
    })
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }
  return {
    evaluate,
    async show({ media = 'screen', scheme = 'light', width = 1_000 }) {
      const features = [{ name: 'prefers-color-scheme', value: scheme }]
      await send('Emulation.setEmulatedMedia', { media, features })
      await send('Emulation.setDeviceMetricsOverride', {
        ...{ width, height: 800, deviceScaleFactor: 1, mobile: false },
      })
    },
    async screenshot(most) {
      const [width = 0, height = 0] = await evaluate<number[]>(
        '[innerWidth, document.documentElement.scrollHeight]',
      )
      const clip = { x: 0, y: 0, width, height: Math.min(height, most), scale: 1 }
      const { data } = await send('Page.captureScreenshot', { clip, captureBeyondViewport: true })
      return Buffer.from(String(data), 'base64')
    },
    async pdf() {
      const { data } = await send('Page.printToPDF', { paperWidth: 8.27, paperHeight: 11.69 })
      return Buffer.from(String(data), 'base64')
    },
  }
}
