// The document of plan --json: only what its readers may rely on.
import { expect, it } from 'vitest'
import { stepDocument } from '../../src/commands/plan.ts'
import type { Change } from '../../src/release/deploy/prepare.ts'
import { aSlot } from '../fakes/state.ts'

it('has the slots without the internals of shopctl', () => {
  const live = { ...aSlot('blue', 'a'), kept: true, helmRelease: 'order-blue', migrations: 'm' }
  const { color, digest, version, revision, replicas, ready } = live
  const wanted = { digest: 'sha256:b', version: 'v-b', revision: 'b' }
  const step = { service: 'order', action: 'upgrade', color: 'green', atLeast: 2 } as const
  const changes: Change[] = ['secrets']
  const planned = {
    ...step,
    changes,
    wanted: { ...wanted, replicas: 3 },
    replaces: null,
    live,
    scale: null,
  }
  expect(stepDocument(planned)).toEqual({
    ...{ name: 'order', action: 'upgrade', color: 'green', wanted, replicas: 3, replaces: null },
    changes,
    live: { color, digest, version, revision, replicas, ready },
  })
})
