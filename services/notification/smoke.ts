// Run by `shopctl smoke`. It reads through the preview Service and writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
const nobody = 'order=00000000-0000-7000-8000-000000000000'
const sent = await smoke.get(`/notifications?${nobody}`, 200)
smoke.expect(
  Array.isArray(sent) && sent.length === 0,
  'there is a notification about an order that nobody placed',
)
const kept = await smoke.get(`/mails?${nobody}`, 200)
smoke.expect(
  Array.isArray(kept) && kept.length === 0,
  'there is a mail about an order that nobody placed',
)
await smoke.get('/notifications', 400)
