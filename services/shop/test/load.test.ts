import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const script = join(import.meta.dirname, '..', 'load.ts')
function load(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

it.each([
  [['--rate', '501'], /--rate 501: give a number from 1 to 500/],
  [['--rate', ''], /--rate : give a number/],
  [['--seconds', '601'], /--seconds 601: give a number from 1 to 600/],
  [['--seed', 'x'], /--seed x: give a number/],
  [['--what'], /--what/],
  [['--url', 'http://example.com'], /not this machine/],
  [['--url', 'http://127.0.0.1:1'], /No shop at http:\/\/127\.0\.0\.1:1.*platform up/],
])('%j is bad input: one line that says what, and exit 2', (args, message) => {
  const { status, stdout, stderr } = load(...args)
  expect(stderr).toMatch(message)
  expect(stdout).toBe('')
  expect(status).toBe(2)
})

it('explains itself within 80 columns', () => {
  const { status, stdout } = load('--help')
  expect(status).toBe(0)
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
})
