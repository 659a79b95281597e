// The mail about the outcome of an order. Pure.
export const outcomes = ['confirmed', 'rejected', 'cancelled'] as const
export type Outcome = (typeof outcomes)[number]

export interface Mail {
  to: string
  subject: string
  text: string
  /** The same for each repetition, so that recipients can recognize it. */
  messageId: string
}

const sentences: Record<Outcome, string> = {
  confirmed: 'Thank you. Your order is confirmed and will be on its way soon.',
  rejected: 'We are sorry: what you ordered is not in stock. You were not charged.',
  cancelled: 'We are sorry: the payment was declined, so we cancelled your order.',
}
const expired =
  'We are sorry: your order took too long, so we cancelled it. If you were charged, the money is on its way back.'

/** `reason` is why the order was rejected or cancelled, or null. */
export function compose(
  orderId: string,
  outcome: Outcome,
  to: string,
  reason: string | null,
): Mail {
  const sentence =
    outcome === 'cancelled' && reason === 'reservation-expired' ? expired : sentences[outcome]
  return {
    to,
    subject: `Your order ${orderId} is ${outcome}`,
    text: `${sentence}\n\nOrder: ${orderId}\n`,
    messageId: messageIdOf(orderId, outcome),
  }
}

export function messageIdOf(orderId: string, outcome: Outcome): string {
  return `<${orderId}.${outcome}@shop.example>`
}
