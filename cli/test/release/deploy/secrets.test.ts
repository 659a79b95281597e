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
  const { namespace, secrets } = createWorld(['order'])
  await makeSecrets(namespace, await planSecrets(namespace, wanted))
  const made = structuredClone(secrets)
  expect(made.order?.url).toBe(`postgresql://order:${made.postgres?.order}@postgres/order`)
  expect(made.postgres?.admin).toMatch(/^[\w-]{24}$/)
  await makeSecrets(namespace, await planSecrets(namespace, wanted))
  expect(secrets).toEqual(made)
})
