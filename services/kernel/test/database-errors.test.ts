// What an error of Postgres means: the same request may succeed later, the login is refused, or it is a bug.
import { describe, expect, it } from 'vitest'
import {
  isAway,
  isLoginRefused,
  isReadOnly,
  isUnavailable,
  notConnected,
} from '../database-errors.ts'

function error(code: string | undefined, message = 'because'): Error {
  return Object.assign(new Error(message), code !== undefined && { code })
}

const readOnly = error('25006', 'cannot execute INSERT in a read-only transaction')

describe('an error is answered with 503', () => {
  it.each<[string, Error, boolean]>([
    ['a session that is read-only', readOnly, true],
    ['a refused connection', error('ECONNREFUSED'), true],
    ['a host without an address', error('ENOTFOUND'), true],
    ['a server that starts', error('57P03'), true],
    ['a server that shuts down', error('57P01'), true],
    ['a server without a free connection', error('53300'), true],
    ['a statement that takes too long', error('57014'), true],
    ['a transaction that was idle for too long', error('25P03'), true],
    ['a deadlock', error('40P01'), true],
    ['tables that were restored away', error('42P01'), true],
    ['a connection that broke', error(undefined, 'Connection terminated unexpectedly'), true],
    ['what is known to be away', notConnected(error('ECONNREFUSED')), true],
    ['a duplicate key', error('23505'), false],
    ['wrong SQL', error('42601'), false],
    ['a bug', error(undefined, 'x is not a function'), false],
  ])('for %s: %s', (_, found, expected) => {
    expect(isUnavailable(found)).toBe(expected)
  })
})

describe('the connections are thrown away', () => {
  it.each<[string, Error, boolean]>([
    ['a session that is read-only', readOnly, true],
    ['a deadlock', error('40P01'), false],
    ['a statement in a transaction that failed', error('25P02'), false],
  ])('for %s: %s', (_, found, expected) => {
    expect(isReadOnly(found)).toBe(expected)
  })
})

describe('the database is away', () => {
  it.each<[string, Error, boolean]>([
    ['a refused connection', error('ECONNREFUSED'), true],
    ['a server that starts', error('57P03'), true],
    ['no answer', error(undefined, 'timeout expired'), true],
    ['a busy pool', error(undefined, 'timeout exceeded when trying to connect'), false],
    ['a server without a free connection', error('53300'), false],
    ['a wrong password', error('28P01'), false],
    ['a certificate of another authority', error('SELF_SIGNED_CERT_IN_CHAIN'), false],
  ])('for %s: %s', (_, found, expected) => {
    expect(isAway(found)).toBe(expected)
  })
})

it.each<[string, Error, boolean]>([
  ['a wrong password', error('28P01'), true],
  ['no right to connect', error('42501'), true],
  ['a certificate that has expired', error('CERT_HAS_EXPIRED'), true],
  ['a password that is missing', error(undefined, 'SASL: client password must be a string'), true],
  ['a refused connection', error('ECONNREFUSED'), false],
])('a login is refused for %s: %s', (_, found, expected) => {
  expect(isLoginRefused(found)).toBe(expected)
})

it('an error of a connection names its cause, and is answered with 503', () => {
  expect(notConnected(error('ECONNREFUSED', ''))).toMatchObject({
    message: 'cannot connect to the database: ECONNREFUSED',
    statusCode: 503,
  })
})
