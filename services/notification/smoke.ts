// Run by `shopctl smoke`: reads through the preview Service, writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
const sent = await smoke.get('/notifications?order=00000000-0000-7000-8000-000000000000', 200)
smoke.expect(Array.isArray(sent) && sent.length === 0, 'a notification about no order')
await smoke.get('/notifications', 400)
