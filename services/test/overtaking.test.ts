// An order ends the same way in all services, in whatever order and however often messages arrive, and whatever fails.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createShop, type Delivery, type Look, type Shop } from './shop.ts'

/** Some pending messages, delivered at the same time. */
interface Step {
  /** Their positions in the list of pending messages. */
  picks: number[]
  /** Whether each of them stays pending, to be delivered again. */
  again: boolean
  /** Whether all reservations expire after it. */
  expire: boolean
  /** Whether the answers of the payment provider and the mail server are lost. */
  lost: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  picks: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }),
  again: fc.boolean(),
  expire: fc.nat(5).map((one) => one === 0),
  lost: fc.nat(3).map((one) => one === 0),
})
const scenario = fc.record({
  sku: fc.constantFrom('mug', 'mug', 'mug', 'nope'),
  token: fc.constantFrom('tok_ok', 'tok_ok', 'tok_declined'),
  steps: fc.array(step, { maxLength: 20 }),
})

/** Enough for all cases. More would mean that messages cause each other endlessly. */
const mostDeliveries = 200

/** The states in the other services that fit the final status of an order. */
const consistent: Record<string, (look: Look) => boolean> = {
  confirmed: ({ reservation, payment }) => reservation === 'sold' && is(payment, 'captured', 1, 0),
  rejected: ({ reservation, payment }) => reservation === 'rejected' && payment === null,
  cancelled: ({ reservation, payment }) =>
    reservation === 'released' &&
    (is(payment, 'declined', 0, 0) ||
      is(payment, 'cancelled', 0, 0) ||
      is(payment, 'refunded', 1, 1)),
}

function is(payment: Look['payment'], status: string, captures: number, refunds: number) {
  return payment?.status === status && payment.captures === captures && payment.refunds === refunds
}

async function drain(shop: Shop): Promise<void> {
  for (let n = 0; shop.pending.length > 0; n++) {
    expect(n).toBeLessThan(mostDeliveries)
    await shop.deliver(shop.pending.shift() as Delivery)
  }
}

describe.each([['v1'], ['v2']] as const)(
  'events of one order placed as %s that overtake each other',
  (version) => {
    it('end in the same way everywhere', async () => {
      let lost = false
      const answer = <T>(result: T): T => {
        if (lost) throw new Error('the answer was lost')
        return result
      }
      const shop = await createShop(
        {
          provider: (sandbox) => ({
            ...sandbox,
            capture: async (charge) => answer(await sandbox.capture(charge)),
            cancel: async (key) => answer(await sandbox.cancel(key)),
            refund: async (key) => answer(await sandbox.refund(key)),
          }),
          mailer: (sink) => ({ ...sink, send: async (mail) => answer(await sink.send(mail)) }),
        },
        { placed: version },
      )

      async function run({ picks, again, expire, lost: next }: Step): Promise<void> {
        lost = next
        const { pending } = shop
        const chosen = picks.flatMap((pick) => pending.splice(pick % (pending.length || 1), 1))
        const outcomes = await Promise.allSettled(chosen.map(shop.deliver))
        // Deliver failed messages again, and those that the broker repeats.
        pending.push(...chosen.filter((_, n) => again || outcomes[n]?.status === 'rejected'))
        lost = false
        if (expire) await shop.expire()
      }

      const endings = new Set<string>()
      await fc.assert(
        fc.asyncProperty(scenario, async ({ sku, token, steps }) => {
          const orderId = await shop.place({
            items: [{ sku, quantity: 3 }],
            customer: { email: 'ada@example.com' },
            payment: { token },
          })
          for (const one of steps) await run(one)
          await shop.collect()
          await drain(shop)

          const look = await shop.look(orderId)
          endings.add(`${look.order} ${look.payment?.status}`)
          expect(look, JSON.stringify(look)).toSatisfy(
            (one: Look) => consistent[one.order]?.(one) ?? false,
          )
          const [notification, ...more] = look.notifications
          expect(more).toEqual([])
          expect(notification).toMatchObject({ outcome: look.order, sent: true })
          expect(look.mails).toBe(1 + (notification?.repeats ?? 0))
          // A rejection may overtake the token, which is then deleted after some hours.
          if (look.order !== 'rejected') expect(await shop.tokens()).toEqual([])
          await shop.databases.payment.query('DELETE FROM payment_tokens')
          for (const { initial, available, reserved, sold } of await shop.stock()) {
            expect(available + sold).toBe(initial)
            expect(reserved).toBe(0)
          }
        }),
        { numRuns: 80 },
      )
      // Otherwise the scenarios do not cover enough.
      expect([...endings]).toEqual(
        expect.arrayContaining([
          'confirmed captured',
          'cancelled declined',
          'cancelled refunded',
          'rejected undefined',
        ]),
      )
    }, 120_000)
  },
)

describe('an outcome that the inventory has missed', () => {
  it.each([
    ['tok_ok', 'confirmed', 'sold'],
    ['tok_declined', 'cancelled', 'released'],
  ])(
    'given %s, is published again when the reservation expires',
    async (token, ending, expected) => {
      const shop = await createShop()
      const orderId = await shop.place({
        items: [{ sku: 'mug', quantity: 1 }],
        customer: { email: 'ada@example.com' },
        payment: { token },
      })
      // The event was published before the inventory's queue was bound to it, or somebody deleted it.
      const isLost = ({ to, event }: Delivery) =>
        to === 'inventory' && event.type === `order.${ending}.v1`
      for (let one = shop.pending.shift(); one; one = shop.pending.shift()) {
        if (!isLost(one)) await shop.deliver(one)
      }
      expect(await shop.look(orderId)).toMatchObject({ order: ending, reservation: 'reserved' })

      await shop.expire()
      await drain(shop)
      const look = await shop.look(orderId)
      expect(look).toMatchObject({ order: ending, reservation: expected, mails: 1 })
      expect(look.notifications).toEqual([{ outcome: ending, sent: true, repeats: 0 }])
      await shop.expire()
      expect(shop.pending).toEqual([])
    },
  )
})
