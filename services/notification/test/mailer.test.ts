import { describe, expect, it } from 'vitest'
import { failureOf } from '../mailer.ts'

describe('a failure of the mail server', () => {
  it.each([
    // The server, or the way to it.
    ['Away', { code: 'ECONNECTION', command: 'CONN' }],
    ['Away', { code: 'ESOCKET', command: 'CONN' }],
    ['Away', { code: 'ETIMEDOUT', command: 'CONN' }],
    ['Away', { code: 'EDNS', command: 'CONN' }],
    ['Away', { code: 'ETLS', command: 'STARTTLS' }],
    ['Away', {}],
    ['Away', { code: 'EPROTOCOL', responseCode: 554, command: 'CONN' }],
    ['Away', { code: 'ECONNECTION', responseCode: 421, command: 'CONN' }],
    ['Away', { code: 'EENVELOPE', responseCode: 421, command: 'RCPT TO' }],
    ['Away', { code: 'EMESSAGE', responseCode: 421, command: 'DATA' }],
    // Our login, and our sender address.
    ['Away', { code: 'EAUTH', responseCode: 535, command: 'AUTH PLAIN' }],
    ['Away', { code: 'EAUTH', responseCode: 454, command: 'AUTH LOGIN' }],
    ['Away', { code: 'EAUTH', command: 'API' }],
    ['Away', { code: 'EENVELOPE', responseCode: 530, command: 'MAIL FROM' }],
    ['Away', { code: 'EENVELOPE', responseCode: 451, command: 'MAIL FROM' }],
    // This mail.
    ['NotYet', { code: 'EENVELOPE', responseCode: 450, command: 'RCPT TO' }],
    ['NotYet', { code: 'EENVELOPE', responseCode: 451, command: 'DATA' }],
    ['NotYet', { code: 'EMESSAGE', responseCode: 452, command: 'DATA' }],
    ['Poison', { code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' }],
    ['Poison', { code: 'EMESSAGE', responseCode: 552, command: 'DATA' }],
    ['Poison', { code: 'EENVELOPE', command: 'API' }],
  ])('is %s: %o', (name, error) => {
    expect(failureOf(error).name).toBe(name)
  })

  it('names the reply, and not its text, which usually names the recipient', () => {
    const reply = { code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' }
    const error = Object.assign(new Error('550 <ada@example.com> unknown'), reply)
    expect(failureOf(error).message).toBe('the mail server refused the mail: 550 EENVELOPE')
    expect(failureOf(error).cause).toBeUndefined()
  })
})
