// One mail per outcome of an order.
import { orderCancelled, orderConfirmed, orderRejected } from '@shop/events/contracts'
import type { Contract } from '@shop/events/envelope'
import { on, type Subscription } from '@shop/kernel/inbox'
import { compose, type Outcome } from './domain.ts'
import type { Mailer } from './mailer.ts'
import { beginAttempt, markSent } from './store.ts'

interface Told {
  orderId: string
  customer: { email: string }
  reason?: string
}

export function subscriptions({ mailer }: { mailer: Mailer }): Subscription[] {
  function onOutcome<Data extends Told>(contract: Contract<Data>, outcome: Outcome): Subscription {
    return on(contract, {
      // The attempt is committed before the mail leaves, so a mail that leaves twice is counted twice.
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
