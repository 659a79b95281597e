import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

function start(file: string, env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [fileURLToPath(new URL(`../../${file}`, import.meta.url))], {
    env,
    encoding: 'utf8',
    timeout: 20_000,
  })
}

describe('a service without configuration', { timeout: 30_000 }, () => {
  it.each(['order', 'inventory', 'payment', 'notification'])('%s ends with one line', (service) => {
    const { status, stdout, stderr } = start(`${service}/main.ts`)
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^bad configuration: SERVICE_NAME is not set; .*\n$/)
  })

  it('the migration Job ends with one line', () => {
    const { status, stderr } = start('kernel/migrate-job.ts')
    expect(status).toBe(1)
    expect(stderr).toBe('bad configuration: PREVIEW_DATABASE_URL is not set\n')
  })

  it('the migration Job does not migrate one plane only', () => {
    const env = { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }
    const { status, stderr } = start('kernel/migrate-job.ts', env)
    expect(status).toBe(1)
    expect(stderr).toBe('bad configuration: PREVIEW_DATABASE_URL is not set\n')
  })
})
