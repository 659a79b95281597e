// Run by `shopctl smoke`: reads through the preview Service, and writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
const nobody = 'order=00000000-0000-7000-8000-000000000000'
const sent = await smoke.get(`/notifications?${nobody}`, 200)
smoke.expect(Array.isArray(sent) && sent.length === 0, 'a notification about no order')
const kept = await smoke.get(`/mails?${nobody}`, 200)
smoke.expect(Array.isArray(kept) && kept.length === 0, 'a mail about no order')
await smoke.get('/notifications', 400)
