// Run by `shopctl smoke`. It reads through the preview Service and writes nothing.
import { startSmoke } from '@shop/kernel/smoke'

const smoke = await startSmoke()
await smoke.get('/orders/00000000-0000-7000-8000-000000000000', 404)
const { paths } = (await smoke.get('/openapi.json', 200)) as { paths: Record<string, unknown> }
smoke.expect('/orders' in paths, 'the API has no /orders')
