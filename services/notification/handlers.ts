// One mail per outcome of an order.
import { orderCancelled, orderConfirmed, orderRejected } from '@shop/events/contracts'
import type { Contract } from '@shop/events/envelope'
import type { Database } from '@shop/kernel/database'
import { on, type Subscription } from '@shop/kernel/inbox'
import { compose, type Outcome } from './domain.ts'
import type { Mailer } from './mailer.ts'
import { beginAttempt, markSent } from './store.ts'

export interface HandlerDeps {
  database: Database
  mailer: Mailer
}

export function subscriptions({ database, mailer }: HandlerDeps): Subscription[] {
  function onOutcome<Data extends { orderId: string; customer: { email: string } }>(
    contract: Contract<Data>,
    outcome: Outcome,
  ): Subscription {
    return on(contract, {
      async prepare({ data: { orderId, customer } }): Promise<void> {
        const mail = compose(orderId, outcome, customer.email)
        if (await beginAttempt(database, orderId, outcome, mail.messageId)) await mailer.send(mail)
      },
      async handle(tx, { data: { orderId } }) {
        await markSent(tx, orderId, outcome)
        return []
      },
    })
  }

  return [
    onOutcome(orderConfirmed, 'confirmed'),
    onOutcome(orderRejected, 'rejected'),
    onOutcome(orderCancelled, 'cancelled'),
  ]
}
