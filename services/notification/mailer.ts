// Sends mail by SMTP over a few connections that stay open.
import { Away, NotYet, Poison } from '@shop/kernel/failures'
import { createTransport } from 'nodemailer'
import type { Mail } from './domain.ts'

export interface Mailer {
  /**
   * Resolves when the mail server has accepted the mail. Throws Away when the server takes no mail at all, NotYet when it
   * does not take this one yet, and Poison when it never will.
   */
  send(mail: Mail): Promise<void>
  close(): void
}

export function createMailer(smtpUrl: string, from: string): Mailer {
  const transport = createTransport({
    url: smtpUrl,
    pool: true,
    maxConnections: 4,
    maxMessages: Number.POSITIVE_INFINITY,
    connectionTimeout: 3_000,
    greetingTimeout: 3_000,
    socketTimeout: 10_000,
  })
  return {
    async send(mail) {
      try {
        await transport.sendMail({ from, ...mail })
      } catch (error) {
        throw failureOf(error as SmtpError)
      }
    },
    close: () => transport.close(),
  }
}

/** nodemailer's error. It has no `responseCode` when the server did not answer. */
interface SmtpError {
  code?: string
  responseCode?: number
  /** The command that failed. */
  command?: string
}

/** nodemailer's codes for a mail that it does not send. */
const wrongMail = new Set(['EENVELOPE', 'EMESSAGE'])

/**
 * A reply to RCPT TO or DATA is about this mail. Any other trouble is about the server or our login, and so is 421, by
 * which the server ends a connection. The message leaves out nodemailer's text: it quotes the reply, which usually names
 * the recipient.
 */
export function failureOf({
  code = 'unknown error',
  responseCode,
  command = '',
}: SmtpError): Error {
  if (!responseCode) {
    if (wrongMail.has(code)) return new Poison(`the mail cannot be sent: ${code}`)
    return new Away(`the mail server cannot be reached: ${code}`)
  }
  const reply = `${responseCode} ${code}`
  if (responseCode === 421 || !/^(RCPT|DATA)/.test(command))
    return new Away(`the mail server takes no mail: ${reply}`)
  const message = `the mail server refused the mail: ${reply}`
  return responseCode < 500 ? new NotYet(message) : new Poison(message)
}
