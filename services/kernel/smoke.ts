// For the smoke scripts of the services: sends requests to the slot behind the preview Service.
import { setTimeout } from 'node:timers/promises'

export interface Smoke {
  /** GETs a path, expects the status and the slot's headers, and returns the parsed body. */
  get(path: string, status: number): Promise<unknown>
  /** Fails the script with the message `otherwise` unless `condition` holds. */
  expect(condition: boolean, otherwise: string): void
}

const requestTimeoutMs = 5_000
/** The preview Service has just changed. During this time other pods may still answer. */
const patienceMs = 10_000

/** Waits until the slot that shopctl names in environment variables answers. */
export async function startSmoke(): Promise<Smoke> {
  const [url, color, version] = ['PREVIEW_URL', 'COLOR', 'VERSION'].map((name) => {
    const value = process.env[`SHOPCTL_${name}`]
    if (!value) fail(`SHOPCTL_${name} is not set; shopctl smoke sets it`)
    return value
  })

  async function request(path: string): Promise<Response> {
    return fetch(`${url}${path}`, { signal: AbortSignal.timeout(requestTimeoutMs) })
  }

  /** Says what is wrong with the answer, or returns null. */
  async function wrongSlot(): Promise<string | null> {
    try {
      const response = await request('/healthz')
      await response.body?.cancel()
      const seen = `${response.headers.get('x-shop-color')} ${response.headers.get('x-shop-version')}`
      const plane = response.headers.get('x-shop-plane')
      if (response.status !== 200) return `/healthz answered ${response.status}`
      if (plane !== 'preview') return `the preview plane expected, got ${plane}`
      return seen === `${color} ${version}` ? null : `${color} ${version} expected, got ${seen}`
    } catch (error) {
      const { message, cause } = error as Error
      return `${url} does not answer: ${cause instanceof Error ? cause.message : message}`
    }
  }

  let wrong = await wrongSlot()
  while (wrong && performance.now() < patienceMs) {
    await setTimeout(200)
    wrong = await wrongSlot()
  }
  if (wrong) fail(wrong)
  pass(`/healthz is answered by ${color} ${version}`)

  return {
    async get(path, status) {
      const response = await request(path)
      const body = await response.text()
      if (response.status !== status) {
        fail(`GET ${path}: ${status} expected, got ${response.status} ${body}`)
      }
      if (response.headers.get('x-shop-version') !== version) {
        fail(`GET ${path} was answered by ${response.headers.get('x-shop-version')}`)
      }
      pass(`GET ${path} answers ${status}`)
      return JSON.parse(body)
    },
    expect(condition, otherwise) {
      if (!condition) fail(otherwise)
    },
  }
}

function pass(what: string): void {
  process.stdout.write(`ok: ${what}\n`)
}

function fail(what: string): never {
  process.stderr.write(`failed: ${what}\n`)
  process.exit(1)
}
