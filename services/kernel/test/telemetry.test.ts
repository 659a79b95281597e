import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../telemetry.ts'

const identity = { service: 'order', color: 'blue', version: 'v', revision: 'r', pod: 'p' }

describe('createLogger', () => {
  it('names the pod, and never writes credentials or personal data', () => {
    let written = ''
    const logger = createLogger(identity, 'info', { write: (line) => (written += line) })
    logger.info({ data: { customer: { email: 'hidden' }, payment: { token: 'hidden' } } }, 'event')
    logger.info({ headers: { authorization: 'hidden' }, password: 'hidden', url: 'hidden' }, 'call')
    expect(written.match(/"service":"order","color":"blue"/g)).toHaveLength(2)
    expect(written).toContain('[redacted]')
    expect(written).not.toContain('hidden')
  })

  it('masks mail addresses and payment tokens in what tells of an error', () => {
    const lines: string[] = []
    const logger = createLogger(identity, 'info', { write: (line) => void lines.push(line) })
    const text = '550 <ada@example.com>: no tok_ok'
    const cause = new Error(text)
    const error = new AggregateError([new Error(text)], text, { cause })
    logger.warn({ err: Object.assign(error, { code: '23505', detail: text }) }, 'failed')
    logger.child({}).warn({ err: text, reason: text, detail: text, problem: text, by: 'a@b' }, text)
    const [first = '', second = ''] = lines
    expect(first).toContain('550 <***>: no ***')
    expect(lines.join()).not.toMatch(/ada|tok_/)
    expect(JSON.parse(first)).toMatchObject({
      err: { type: 'AggregateError', code: '23505', detail: '550 <***>: no ***' },
    })
    // Who runs shopctl is for the log.
    expect(JSON.parse(second)).toMatchObject({ msg: '550 <***>: no ***', by: 'a@b' })
  })
})

describe('stdout', () => {
  const togetherMs = 100
  /** Calls `script` with a logger in a process of its own. Resolves to its lines, and to how long each took to arrive. */
  async function linesOf(script: string): Promise<{ msg: string; ms: number }[]> {
    const program = `
      const { createLogger } = await import('./telemetry.ts')
      const logger = createLogger(${JSON.stringify(identity)}, 'info')
      ${script}`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: join(import.meta.dirname, '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: { msg: string; ms: number }[] = []
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, time } = JSON.parse(line) as { msg: string; time: string }
      lines.push({ msg, ms: Date.now() - Date.parse(time) })
    })
    await once(child, 'close')
    return lines
  }

  it.each([
    ['ends', ''],
    ['exits', 'process.exit(1)'],
    ['has a bug', "process.on('uncaughtException', () => process.exit(1)); throw new Error()"],
  ])('has all lines of a process that %s', async (_, end) => {
    const lines = await linesOf(`
      for (let n = 0; n < 1_000; n += 1) logger.info('line ' + n)
      ${end}`)
    expect(lines.map(({ msg }) => msg)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => `line ${n}`),
    )
  })

  it('has the lines of a process that is killed a moment later, and a warning at once', async () => {
    const lines = await linesOf(`
      logger.info('first')
      const warn = () => { logger.warn('second'); logger.warn('third'); logger.error('fourth') }
      setTimeout(warn, 400)
      setTimeout(() => logger.warn('fifth'), 780)
      setTimeout(() => logger.info('sixth'), 790)
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 800)`)
    expect(lines.map(({ msg }) => msg)).toEqual(['first', 'second', 'third', 'fourth', 'fifth'])
    expect(lines[0]?.ms).toBeLessThan(400)
    expect(lines[1]?.ms).toBeLessThan(togetherMs)
  })
})
