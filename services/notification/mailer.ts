// Sends mail by SMTP over a few connections that stay open.
import { createTransport } from 'nodemailer'
import type { Mail } from './domain.ts'

export interface Mailer {
  /** Resolves when the mail server has accepted the mail. */
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
        throw withoutRecipient(error)
      }
    },
    close: () => transport.close(),
  }
}

/** The message and the cause of nodemailer's error quote the server's reply, which usually names the recipient. */
function withoutRecipient(error: unknown): Error {
  const { responseCode, code = 'unknown error' } = error as { responseCode?: number; code?: string }
  if (responseCode) return new Error(`the mail server refused the mail: ${responseCode} ${code}`)
  return new Error(`the mail server cannot be reached: ${code}`)
}
