import { kernelAccounting } from '@shop/kernel/accounting'
import { Poison } from '@shop/kernel/failures'
import { parkedPruning } from '@shop/kernel/parking'
import { createMailSink, mailSinkPruning } from '@shop/notification/mail-sink'
import { expect, it } from 'vitest'
import { createServiceDatabase } from './infrastructure.ts'
import { openService } from './stuck.ts'
import { counting, done, store } from './things.ts'

it('deletes and counts messages that have been parked for too long', async () => {
  const shop = await openService(
    counting(() => {
      throw new Poison('no')
    }),
  )
  await store(shop.database, [done(1), done(2), done(3)])
  const [old, waiting, young] = await shop.parked(3)
  await shop.database.query(
    `UPDATE parked SET last_failed_at = now() - interval '31 days' WHERE message_id <> $1`,
    [young?.id],
  )
  await shop.database.query(`UPDATE parked SET cause = 'waiting' WHERE message_id = $1`, [
    waiting?.id,
  ])
  expect(await shop.accounting()).toMatchObject({ parked: 2, retrying: 1, expired: 0 })
  await shop.database.transaction((tx) => parkedPruning(30).run(tx))
  expect((await shop.list()).map(({ id }) => id)).not.toContain(old?.id)
  expect(await shop.list()).toHaveLength(2)
  const { database, bus, queue } = shop
  const { parked, retrying, expired } = await kernelAccounting({ database, bus }, queue)
  expect({ parked, retrying, expired }).toEqual({ parked: 1, retrying: 1, expired: 1 })
  await database.transaction((tx) => parkedPruning(30).run(tx))
  expect(await shop.accounting()).toMatchObject({ expired: 1 })
})

it('keeps the mails of the sink for a week, and a bounded number', async () => {
  const database = await createServiceDatabase('notification')
  const sink = createMailSink(database, 'Shop <orders@shop.example>')
  for (const n of [1, 2, 3]) {
    await sink.send({ to: 'ada@example.com', subject: 's', text: 't', messageId: `<${n}@x>` })
  }
  const kept = async () => {
    await database.transaction((tx) => mailSinkPruning.run(tx))
    const rows = await database.query<{ id: string }>(
      'SELECT message_id AS id FROM mail_sink ORDER BY position',
    )
    return rows.map(({ id }) => id)
  }
  await database.query(
    `UPDATE mail_sink SET kept_at = now() - interval '8 days' WHERE position = 1`,
  )
  expect(await kept()).toEqual(['<2@x>', '<3@x>'])
  await database.query(
    `INSERT INTO mail_sink (position, message_id, recipient, message) OVERRIDING SYSTEM VALUE
     VALUES (10003, '<4@x>', '', '')`,
  )
  expect(await kept()).toEqual(['<4@x>'])
})
