// The Secrets that shopctl.yaml asks for.
import { expect, it } from 'vitest'
import { makeSecrets, missingSecrets, planSecrets } from '../../../src/release/deploy/secrets.ts'
import { createWorld } from '../../fakes/world.ts'

const wanted = {
  postgres: { admin: 'random', order: 'random' },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in shopctl.yaml
  order: { url: 'postgresql://order:${postgres.order}@postgres/order' },
}

function draw(): string {
  return 'drawn'
}

it('are drawn once, and referred to', () => {
  expect(missingSecrets(wanted, {}, draw)).toEqual({
    postgres: { admin: 'drawn', order: 'drawn' },
    order: { url: 'postgresql://order:drawn@postgres/order' },
  })
})

it('stay as they are once they exist', () => {
  const existing = { postgres: { admin: 'mine', order: 'p@ss' } }
  expect(missingSecrets(wanted, existing, draw)).toEqual({
    order: { url: 'postgresql://order:p%40ss@postgres/order' },
  })
  expect(missingSecrets(wanted, { ...existing, order: { url: 'mine' } }, draw)).toEqual({})
})

it('may refer to one below that has references itself', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in shopctl.yaml
  const below = { app: { copy: '${order.url}' }, ...wanted }
  const url = encodeURIComponent('postgresql://order:drawn@postgres/order')
  expect(missingSecrets(below, {}, draw)).toMatchObject({ app: { copy: url } })
})

it('are made where they are missing, and never changed', async () => {
  const { secrets, ...ports } = createWorld(['order'])
  const make = async () => makeSecrets(ports.namespace, await planSecrets(ports, wanted))
  await make()
  const made = structuredClone(secrets)
  expect(made.order?.url).toBe(`postgresql://order:${made.postgres?.order}@postgres/order`)
  expect(made.postgres?.admin).toMatch(/^[\w-]{24}$/)
  await make()
  expect(secrets).toEqual(made)
})

it('are masked when they are drawn and when they are read, but not what a text tells anyhow', async () => {
  const { secrets, masked, ...ports } = createWorld(['order'])
  const wantedHere = { ...wanted, broker: { user: 'notification', password: 'random' } }
  const drawn = await planSecrets(ports, wantedHere)
  const { postgres, broker } = drawn.missing
  const expected = [
    postgres?.admin,
    postgres?.order,
    broker?.password,
    drawn.missing['shopctl-hmac']?.key,
  ]
  expect(masked.toSorted()).toEqual(expected.toSorted())
  await makeSecrets(ports.namespace, drawn)
  masked.length = 0
  await planSecrets(ports, wantedHere)
  expect(masked.toSorted()).toEqual(expected.toSorted())
})
