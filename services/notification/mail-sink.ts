// The mail sink of the preview plane: stores mails in a table instead of sending them.
import type { Queries } from '@shop/kernel/database'
import type { ScheduledJob } from '@shop/kernel/schedule'
import { createTransport } from 'nodemailer'
import type { Mailer } from './mailer.ts'

export interface KeptMail {
  messageId: string
  to: string
  /** The mail with its headers. */
  message: string
  keptAt: Date
}

export function createMailSink(db: Queries, from: string): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true })
  return {
    async send(mail) {
      const { message } = await transport.sendMail({ from, ...mail })
      await db.query('INSERT INTO mail_sink (message_id, recipient, message) VALUES ($1, $2, $3)', [
        mail.messageId,
        mail.to,
        (message as Buffer).toString(),
      ])
    },
    close: () => transport.close(),
  }
}

/** Mails with one of these ids, oldest first. */
export async function findKeptMails(db: Queries, messageIds: string[]): Promise<KeptMail[]> {
  return db.query<KeptMail>(
    `SELECT message_id AS "messageId", recipient AS "to", message, kept_at AS "keptAt"
     FROM mail_sink WHERE message_id = ANY($1::text[]) ORDER BY position`,
    [messageIds],
  )
}

const keepDays = 7
const keepMails = 10_000

/** The sink keeps the mails of a week, and no more than the last 10,000. */
export const mailSinkPruning: ScheduledJob = {
  name: 'mail-sink-pruning',
  everyMs: 60_000,
  async run(tx) {
    tx.execute(
      `DELETE FROM mail_sink WHERE kept_at < now() - make_interval(days => $1)
       OR position <= (SELECT max(position) FROM mail_sink) - $2::bigint`,
      [keepDays, keepMails],
    )
    return []
  },
}
