// The notification service: sends customers the outcome of their order by mail.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { createMailSink, mailSinkPruning } from './mail-sink.ts'
import { createMailer } from './mailer.ts'
import { routes } from './routes.ts'
import { accounting, entries } from './store.ts'

await run({
  config: z.object({
    SMTP_URL: z.url({ protocol: /^smtps?$/ }),
    MAIL_FROM: z.string().default('Shop <orders@shop.example>'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ config, database, plane }) {
    const mailer =
      plane === 'live'
        ? createMailer(config.SMTP_URL, config.MAIL_FROM)
        : createMailSink(database, config.MAIL_FROM)
    return {
      routes: (app) => routes(app, { database, plane }),
      subscriptions: subscriptions({ mailer }),
      jobs: [mailSinkPruning],
      accounting: () => accounting(database),
      entries: (after, limit) => entries(database, after, limit),
      close: () => mailer.close(),
    }
  },
})
