// The notification service: tells customers how their order ended.
import { run } from '@shop/kernel/run'
import { z } from 'zod'
import { subscriptions } from './handlers.ts'
import { createMailer } from './mailer.ts'
import { routes } from './routes.ts'
import { accounting } from './store.ts'

await run({
  config: z.object({
    SMTP_URL: z.url({ protocol: /^smtps?$/ }),
    MAIL_FROM: z.string().default('Shop <orders@shop.example>'),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  compose({ config, database }) {
    const mailer = createMailer(config.SMTP_URL, config.MAIL_FROM)
    return {
      routes: (app) => routes(app, { database }),
      subscriptions: subscriptions({ database, mailer }),
      accounting: () => accounting(database),
      close: () => mailer.close(),
    }
  },
})
