// Run by `shopctl smoke`. It reads through the preview Service and writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
const payments = await smoke.get('/payments?order=00000000-0000-7000-8000-000000000000', 200)
smoke.expect(
  Array.isArray(payments) && payments.length === 0,
  'there is a payment for an order that nobody placed',
)
await smoke.get('/payments', 400)
