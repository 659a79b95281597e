// Requests in the background: what the end of a command waits for.
import { expect, it } from 'vitest'
import { createBackground } from '../../../src/adapters/notices/background.ts'

const never = () => new Promise<void>(() => {})
const silent = async () => Promise.reject(new DOMException('late', 'TimeoutError'))

async function tookMs(run: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await run()
  return performance.now() - from
}

it('a server that was silent once is not waited for', async () => {
  const warnings: string[] = []
  const background = createBackground('Slack', (problem) => warnings.push(problem))
  background.run(silent)
  await background.settle(5_000)
  background.run(never)
  expect(await tookMs(() => background.settle(5_000))).toBeLessThan(4_000)
  expect(warnings).toEqual(['Slack was not told: it did not answer within 5 s.'])
})

it('nothing to tell takes no time', async () => {
  const { settle } = createBackground('Slack', (problem) => expect.unreachable(problem))
  expect(await tookMs(() => settle(5_000))).toBeLessThan(4_000)
})
