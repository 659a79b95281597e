// A mail server on loopback that keeps the mails, or refuses them.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { onTestFinished } from 'vitest'

export interface MailServer {
  url: string
  /** Each mail with its headers, in the order of arrival. */
  mails: string[]
  refuse(refusing: boolean): void
}

/** Listens until the test has finished. */
export async function startMailServer(): Promise<MailServer> {
  const mails: string[] = []
  let refusing = false
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      let mail = ''
      stream.on('data', (chunk) => {
        mail += chunk
      })
      stream.on('end', () => {
        if (refusing) {
          const recipients = session.envelope.rcptTo.map(({ address }) => address)
          return done(new Error(`<${recipients}>: mailbox full`))
        }
        mails.push(mail)
        done()
      })
    },
  })
  // Some tests kill the client in the middle of a mail.
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    refuse(next) {
      refusing = next
    },
  }
}
