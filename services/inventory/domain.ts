// Whether the stock suffices for an order, and what becomes of it when the order ends; pure.
export interface Line {
  sku: string
  quantity: number
}

export interface Stock {
  sku: string
  available: number
  /** Minor units of the currency, per piece. */
  price: number
  currency: string
}

/** All but `reserved` are terminal. */
export type ReservationStatus = 'reserved' | 'rejected' | 'released' | 'sold'

export type Reserved =
  | { kind: 'reserved'; amount: { value: number; currency: string } }
  | { kind: 'rejected'; reason: 'unknown-sku' | 'insufficient-stock'; sku: string }

/** One line per SKU, sorted, so that all transactions lock the stock in the same order. */
export function merge(lines: Line[]): Line[] {
  const quantities = new Map<string, number>()
  for (const { sku, quantity } of lines) {
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)
  }
  return [...quantities]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
}

/** All of an order is reserved, or nothing. `lines` are merged. */
export function reserve(lines: Line[], stock: Stock[]): Reserved {
  const bySku = new Map(stock.map((one) => [one.sku, one]))
  let value = 0
  let currency = ''
  for (const { sku, quantity } of lines) {
    const one = bySku.get(sku)
    if (!one) return { kind: 'rejected', reason: 'unknown-sku', sku }
    if (one.available < quantity) return { kind: 'rejected', reason: 'insufficient-stock', sku }
    value += one.price * quantity
    currency = one.currency
  }
  return { kind: 'reserved', amount: { value, currency } }
}

/** What a cancelled order does to its reservation. What was never taken, or is sold, stays. */
export function release(status: ReservationStatus): 'give-back' | 'nothing' {
  return status === 'reserved' ? 'give-back' : 'nothing'
}

/** What a confirmed order does to its reservation. */
export function sell(status: ReservationStatus): 'sell' | 'nothing' {
  return status === 'reserved' ? 'sell' : 'nothing'
}
