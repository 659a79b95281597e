// Sends one mail per outcome of an order.
import { orderCancelled, orderConfirmed, orderRejected } from '@shop/events/contracts'
import type { Contract } from '@shop/events/envelope'
import { on, type Subscription } from '@shop/kernel/inbox'
import { compose, type Outcome } from './domain.ts'
import type { Mailer } from './mailer.ts'
import { beginAttempt, markSent } from './store.ts'

interface OrderOutcome {
  orderId: string
  customer: { email: string }
  reason?: string
}

export function subscriptions({ mailer }: { mailer: Mailer }): Subscription[] {
  function onOutcome<Data extends OrderOutcome>(
    contract: Contract<Data>,
    outcome: Outcome,
  ): Subscription {
    return on(contract, {
      needs: 'the mail server',
      // The attempt is committed before the mail is sent, so that each mail is counted.
      async prepare({ data: { orderId, customer, reason } }, fence): Promise<void> {
        const mail = compose(orderId, outcome, customer.email, reason ?? null)
        const isDue = await beginAttempt(fence, orderId, outcome, mail.messageId)
        if (isDue) await mailer.send(mail)
      },
      async handle(tx, { data: { orderId } }) {
        markSent(tx, orderId, outcome)
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
