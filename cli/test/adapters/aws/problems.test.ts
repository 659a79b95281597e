// What an error of AWS means: by its name, its status, or what the connection says.
import { describe, expect, it } from 'vitest'
import { type About, explained } from '../../../src/adapters/aws/problems.ts'
import { aLimit } from '../../fakes/host.ts'

const about: About = { doing: 'push', region: 'eu-central-1', limit: aLimit }

const problemOf = (error: Error, more: Partial<About> = {}): Promise<unknown> =>
  explained(() => Promise.reject(error), { ...about, ...more }).catch((problem) => problem)

const anError = (
  name: string,
  { status = 0, code = '', message = 'it says so.', attempts = 1 },
): Error =>
  Object.assign(new Error(message), {
    name,
    ...(code && { code }),
    ...(status > 0 && { $metadata: { httpStatusCode: status, attempts } }),
  })

describe('an error of AWS', () => {
  it.each([
    ['RequestTimeTooSkewed', { status: 403 }, 'aws-clock'],
    ['ExpiredToken', { status: 403 }, 'aws-expired'],
    ['CredentialsProviderError', { message: 'The SSO session has expired' }, 'aws-expired'],
    ['CredentialsProviderError', {}, 'no-aws-credentials'],
    ['InvalidClientTokenId', { status: 403 }, 'aws-credentials'],
    ['AccessDeniedException', { status: 400 }, 'aws-denied'],
    ['Unknown', { status: 403 }, 'aws-denied'],
    ['ThrottlingException', { status: 400 }, 'aws-throttled'],
    ['Unknown', { status: 429 }, 'aws-throttled'],
    ['ServerException', { status: 500 }, 'aws-error'],
    ['TimeoutError', {}, 'aws-unreachable'],
    ['Error', { code: 'ECONNREFUSED' }, 'aws-unreachable'],
  ])('%s %o is %s', async (name, parts, code) => {
    expect(await problemOf(anError(name, parts))).toMatchObject({ code, kind: 'refused' })
  })

  it.each([
    ['ServerException', { status: 500 }, 'failed'],
    ['TimeoutError', {}, 'failed'],
    // It was not carried out.
    ['ThrottlingException', { status: 400 }, 'refused'],
    // An earlier attempt may have been.
    ['ThrottlingException', { status: 400, attempts: 3 }, 'failed'],
    ['AccessDeniedException', { status: 400, attempts: 2 }, 'failed'],
    ['ExpiredToken', { status: 403, attempts: 2 }, 'failed'],
    ['ValidationException', { status: 400, attempts: 2 }, 'failed'],
  ])('%s %o as the answer to a write has %s', async (name, parts, kind) => {
    expect(await problemOf(anError(name, parts), { writes: true })).toMatchObject({ kind })
  })

  it.each([
    ['20261126T120000Z', '20261126T130000Z', 'is 60 minutes behind that of AWS'],
    ['20261126T130000Z', '20261126T120000Z', 'is 60 minutes ahead of that of AWS'],
  ])('tells a clock at %s from one at %s', async (ours, theirs, expected) => {
    const message = `Signature expired: ${ours} is now earlier than 20261126T124500Z (${theirs} - 15 min.)`
    const problem = await problemOf(anError('InvalidSignatureException', { message }))
    expect(problem).toMatchObject({ code: 'aws-clock', message: expect.stringContaining(expected) })
  })

  it('that is none, but a bug, is thrown as it is', async () => {
    const bug = new TypeError('x is not a function')
    expect(await problemOf(bug)).toBe(bug)
  })
})
