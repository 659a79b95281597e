import { describe, expect, it } from 'vitest'
import { createSlots } from '../../src/adapters/kubernetes/slots.ts'
import { createFakeApi } from '../fakes/kubernetes-api.ts'

const path = '/apis/apps/v1/namespaces/shop/deployments/order-green'

function withGreen() {
  const api = createFakeApi(Date.now)
  const metadata = {
    name: 'order-green',
    resourceVersion: '7',
    labels: { 'shopctl.dev/color': 'green', 'shopctl.dev/revision': 'b' },
  }
  api.objects.set(path, { metadata })
  return { api, slots: createSlots(api, 'shop', ['order']) }
}

describe('deleting a slot', () => {
  it('removes the revision that was meant', async () => {
    const { api, slots } = withGreen()
    await slots.deleteSlot('order', { color: 'green', revision: 'b' })
    expect(api.changes).toEqual([`DELETE ${path}`])
  })

  it('leaves another one alone that was deployed meanwhile', async () => {
    const { api, slots } = withGreen()
    await expect(
      slots.deleteSlot('order', { color: 'green', revision: 'a' }),
    ).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('order green') })
    expect(api.changes).toEqual([])
  })

  it('has nothing to do when it is gone', async () => {
    const { api, slots } = withGreen()
    await slots.deleteSlot('order', { color: 'blue', revision: 'a' })
    expect(api.changes).toEqual([])
  })
})
