// Decides whether an order gets its stock, and what happens to that stock when the order ends. Pure.
export interface Line {
  sku: string
  quantity: number
}

export interface Stock {
  sku: string
  available: number
  /** The price of one piece, in minor units of the currency. */
  price: number
  currency: string
}

/** All states except `reserved` are final. */
export type ReservationStatus = 'reserved' | 'rejected' | 'released' | 'sold'

export type ReserveOutcome =
  | { kind: 'reserved'; amount: { value: number; currency: string } }
  | { kind: 'rejected'; reason: 'unknown-sku' | 'insufficient-stock'; sku: string }

/** Returns one line per SKU, sorted by SKU, so that all transactions lock the stock in the same order. */
export function merge(lines: Line[]): Line[] {
  const quantities = new Map<string, number>()
  for (const { sku, quantity } of lines) {
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)
  }
  return [...quantities]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
}

/** Reserves all lines or none. `lines` must be merged. */
export function reserve(lines: Line[], stock: Stock[]): ReserveOutcome {
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

/** Whether the end of the order still changes its reservation. */
export function isOpen(status: ReservationStatus): boolean {
  return status === 'reserved'
}
