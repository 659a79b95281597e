// What act is called with, and what its log says.
import { expect, it, vi } from 'vitest'
import { argumentsFor, createLog } from './act.ts'

const options = {
  ...{ dir: '/tree', scratch: '/scratch', standIns: ['--local-repository', 'a/b@c=/d'] },
  ...{ api: 'http://127.0.0.1:1', token: 'verysecret', signal: new AbortController().signal },
}

it('is called with what a user of GitHub has set, and no secret', () => {
  const inputs = { environment: 'staging', reason: 'it is "burning" $HOME' }
  const vars = { STAGING: 'staging' }
  const args = argumentsFor(
    { name: 'workflow_dispatch', workflow: 'rollback.yml', vars, inputs },
    options,
  )
  expect(args).toEqual(expect.arrayContaining(['--var', 'STAGING=staging']))
  expect(args).toEqual(expect.arrayContaining(['--input', 'reason=it is "burning" $HOME']))
  expect(args.join(' ')).not.toContain(options.token)
})

it('is read: how each job ended, where it failed, and what was printed', () => {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  const log = createLog()
  const job = 'Staging/shopctl/Switch               '
  const main = { job, stage: 'Main', executionTime: 1_200_000_000 }
  for (const line of [
    { ...main, step: 'Set up', stepID: ['0'], stepResult: 'success', msg: 'ok' },
    // The step of a stand-in.
    { ...main, step: 'run', stepID: ['1', '0'], stepResult: 'failure', msg: 'no' },
    { job, msg: '\u001b[31mred\u001b[0m\n', raw_output: true },
    { ...main, step: 'Switch', stepID: ['switch'], stepResult: 'failure', msg: 'no' },
    { job, level: 'error', msg: 'invalid matrix' },
    { job, jobResult: 'failure', msg: 'Job failed' },
  ])
    log.read(JSON.stringify(line))
  log.read('Error: Job failed')
  expect({ ...log.jobs }).toEqual({ 'Staging/shopctl/Switch': 'failure' })
  expect(log.failed).toEqual(['Staging/shopctl/Switch: Switch'])
  expect(log.output).toBe('red\ninvalid matrix\nError: Job failed')
})
