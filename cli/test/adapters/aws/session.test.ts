// Who shopctl is for AWS.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createSession } from '../../../src/adapters/aws/session.ts'
import { forgetAws } from '../../fakes/aws-user.ts'
import { aLimit, noMask } from '../../fakes/host.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'aws-'))
  forgetAws(home)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})

it('says of an SSO session that has ended that it has expired', async () => {
  const start = 'https://sso.test/start'
  const cache = join(home, '.aws', 'sso', 'cache')
  mkdirSync(cache, { recursive: true })
  const sso = `sso_start_url = ${start}\nsso_region = eu-central-1`
  writeFileSync(
    join(home, '.aws', 'config'),
    `[profile ended]\n${sso}\nsso_account_id = 123456789012\nsso_role_name = push\n`,
  )
  const file = `${createHash('sha1').update(start).digest('hex')}.json`
  writeFileSync(join(cache, file), '{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z"}')
  vi.stubEnv('AWS_PROFILE', 'ended')
  const agentOf = async () => new Agent()
  const options = {
    ...{ region: 'eu-central-1', role: null, env: process.env, agentOf },
    ...{ limit: aLimit, mask: noMask },
  }
  await expect(createSession(options).credentials()).rejects.toMatchObject({
    code: 'aws-expired',
    exitCode: 2,
    hint: expect.stringContaining('aws sso login'),
  })
})
