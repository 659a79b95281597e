// Run by `shopctl smoke`: reads through the preview Service, and writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
const payments = await smoke.get('/payments?order=00000000-0000-7000-8000-000000000000', 200)
smoke.expect(Array.isArray(payments) && payments.length === 0, 'a payment nobody made')
await smoke.get('/payments', 400)
