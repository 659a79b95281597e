import { createTransport } from 'nodemailer'
import { describe, expect, it } from 'vitest'
import { mailAddress } from '../address.ts'

const label = 'x'.repeat(63)

describe('an address', () => {
  it.each([
    'ada@example.com',
    'user@xn--80a1acny.xn--p1ai',
    'a@1.de',
    'a@b-c.example',
    `a!#$%&'*+-/=?^_\`{|}~b@example.com`,
    'first.last+tag@sub.example.museum',
    '-@example.com',
    `${'a'.repeat(64)}@example.com`,
    `a@${label}.com`,
    `${'a'.repeat(61)}@${label}.${label}.${'y'.repeat(61)}.de`,
  ])('may be %s', async (address) => {
    expect(mailAddress.safeParse(address).success).toBe(true)
    // The mailer sends it to exactly this address.
    const { envelope } = await createTransport({ jsonTransport: true }).sendMail({ to: address })
    expect(envelope.to).toEqual([address])
  })

  it.each([
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'a b@example.com',
    '.a@example.com',
    'a.@example.com',
    'a..b@example.com',
    '"a b"@example.com',
    'a@b@example.com',
    'a@example..com',
    'a@.example.com',
    'a@example.com.',
    'a@-example.com',
    'a@example-.com',
    'a@exa_mple.com',
    'a@127.0.0.1',
    'a@[127.0.0.1]',
    'ä@example.com',
    'a@почта.рф',
    'a@example.com\r\nbcc: b@example.com',
    'a@example.com,b@example.com',
    'Ada <a@example.com>',
    'a@example.com\n',
    ' a@example.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${label}x.com`,
    `${'a'.repeat(62)}@${label}.${label}.${'y'.repeat(61)}.de`,
    null,
    7,
    ['a@example.com'],
  ])('may not be %j', (address) => {
    expect(mailAddress.safeParse(address).success).toBe(false)
  })
})
