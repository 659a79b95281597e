import { describe, expect, it } from 'vitest'
import { arrived, newId } from './infrastructure.ts'
import { openService } from './stuck.ts'
import { counting, effects, eventually, thingDone } from './things.ts'

describe('the message routes', () => {
  it('replay a parked message, and the handler succeeds', async () => {
    let broken = true
    const shop = await openService(
      counting(() => {
        if (broken) throw new Error('no')
      }),
    )
    const event = { ...arrived(thingDone, newId(), { n: 1 }), extension: 'kept' }
    await shop.topology.publish([event])
    const [stuck] = await shop.parked()
    expect(await shop.messages.show(shop.ask(event.id))).toEqual({
      status: 200,
      body: { ...stuck, event, sensitive: [] },
    })
    // The handler still fails, so it is parked again.
    expect(await shop.messages.replay(shop.ask(event.id.toUpperCase()))).toMatchObject({
      status: 204,
    })
    await eventually(async () =>
      expect((await shop.list())[0]?.lastFailedAt).not.toEqual(stuck?.lastFailedAt),
    )
    expect(await shop.parked()).toMatchObject([{ attempts: 8 }])
    broken = false
    expect(await shop.messages.replay(shop.ask(event.id))).toMatchObject({ status: 204 })
    await eventually(async () => expect(await effects(shop.database)).toEqual([1]))
    expect(await shop.list()).toEqual([])
  })

  it('discard a parked message, and no other', async () => {
    const shop = await openService()
    await shop.send('hello')
    const [stuck] = await shop.parked()
    expect(await shop.messages.replay(shop.ask(stuck?.id))).toMatchObject({ status: 409 })
    expect(await shop.messages.discard(shop.ask(stuck?.id))).toMatchObject({ status: 204 })
    expect(await shop.list()).toEqual([])
    for (const act of [shop.messages.show, shop.messages.replay, shop.messages.discard]) {
      expect(await act(shop.ask(stuck?.id))).toMatchObject({ status: 404 })
      expect(await act(shop.ask('nonsense'))).toMatchObject({ status: 400 })
    }
    expect(await shop.messages.list(shop.ask('', 'limit=0'))).toMatchObject({ status: 400 })
  })

  it('change no message that is being retried', async () => {
    const shop = await openService()
    const id = newId()
    await shop.database.query(
      `INSERT INTO parked (message_id, state, attempts, reason, body)
       VALUES ($1, 'retrying', 1, 'no', '')`,
      [id],
    )
    expect(await shop.messages.replay(shop.ask(id))).toMatchObject({ status: 409 })
    expect(await shop.messages.discard(shop.ask(id))).toMatchObject({ status: 409 })
  })

  it('show what is sensitive only on request, also of an unknown version and of what is no event', async () => {
    const shop = await openService()
    const data = { customer: { email: 'ada@example.com' }, payment: { token: 'tok_ok' } }
    const unknown = { ...arrived(thingDone, 'x', { n: 1 }), type: 'thing.done.v9', data }
    await shop.send(JSON.stringify(unknown))
    await shop.parked(1)
    await shop.send('ada@example.com')
    const parked = await shop.parked(2)
    const show = (query?: string) =>
      Promise.all(parked.map(({ id }) => shop.messages.show(shop.ask(id, query))))
    const sensitive = ['/data/customer/email', '/data/payment/token']
    const hidden = { customer: { email: '***' }, payment: { token: '***' } }
    expect(await show()).toMatchObject([
      { body: { event: { ...unknown, data: hidden }, sensitive } },
      { body: { event: '***', sensitive: [''] } },
    ])
    expect(await show('reveal=true')).toMatchObject([
      { body: { event: unknown, sensitive } },
      { body: { event: 'ada@example.com', sensitive: [''] } },
    ])
  })
})
