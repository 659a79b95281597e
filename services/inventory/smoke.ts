// Run by `shopctl smoke`. It reads through the preview Service and writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
const { available } = (await smoke.get('/stock/mug', 200)) as { available: number }
smoke.expect(available >= 0, `there are ${available} mugs`)
await smoke.get('/stock/no-such-sku', 404)
