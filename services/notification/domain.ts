// What customers read about the outcome of their order; pure.
export type Outcome = 'confirmed' | 'rejected' | 'cancelled'

export interface Mail {
  to: string
  subject: string
  text: string
  /** The same for each repetition, so that mail servers and readers can tell them apart. */
  messageId: string
}

const sentences: Record<Outcome, string> = {
  confirmed: 'Thank you. Your order is confirmed and will be on its way soon.',
  rejected: 'We are sorry: what you ordered is not in stock. You were not charged.',
  cancelled: 'We are sorry: the payment was declined, so we cancelled your order.',
}

export function compose(orderId: string, outcome: Outcome, to: string): Mail {
  return {
    to,
    subject: `Your order ${orderId} is ${outcome}`,
    text: `${sentences[outcome]}\n\nOrder: ${orderId}\n`,
    messageId: messageIdOf(orderId, outcome),
  }
}

export function messageIdOf(orderId: string, outcome: Outcome): string {
  return `<${orderId}.${outcome}@shop.example>`
}
