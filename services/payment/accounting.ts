// The accounting of payments, from the service's table and from the provider's records.
import type { Database } from '@shop/kernel/database'
import type { PaymentProvider } from './provider.ts'
import { countPayments, listPayments } from './store.ts'

export interface AccountingDeps {
  database: Database
  provider: PaymentProvider
}

/** The number of payments in each status, and how often the provider has captured and refunded. */
export async function accounting({ database, provider }: AccountingDeps) {
  return { ...(await countPayments(database)), ...(await provider.totals()) }
}

/** The payments of the first `limit` orders after `after`, by order id, with the provider's captures and refunds. */
export async function entries(
  { database, provider }: AccountingDeps,
  after: string,
  limit: number,
) {
  const payments = await listPayments(database, after, limit)
  const statements = await provider.statements(payments)
  return payments.map(({ orderId, status }) => {
    const { captures = 0, refunds = 0 } = statements.get(orderId) ?? {}
    return { id: orderId, status, captures, refunds }
  })
}
