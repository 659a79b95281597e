// What the audit asks: our own payments beside the provider's books.
import type { Database } from '@shop/kernel/database'
import type { PaymentProvider } from './provider.ts'
import { countPayments, listPayments } from './store.ts'

export interface AccountingDeps {
  database: Database
  provider: PaymentProvider
}

/** Payments by status, and what the provider took and gave back in all. */
export async function accounting({ database, provider }: AccountingDeps) {
  return { ...(await countPayments(database)), ...(await provider.totals()) }
}

/** Those after `after`, by order id, with what the provider took and gave back for each order. */
export async function orders(
  { database, provider }: AccountingDeps,
  after: string | null,
  limit: number,
) {
  const payments = await listPayments(database, after, limit)
  const statements = await provider.statements(payments)
  return payments.map(({ orderId, status }) => {
    const { captures = 0, refunds = 0 } = statements.get(orderId) ?? {}
    return { orderId, status, captures, refunds }
  })
}
