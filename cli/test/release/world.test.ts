// The world in memory keeps to what the real one does.
import { describe } from 'vitest'
import { clusterContract } from '../fakes/cluster-contract.ts'
import { createWorld, emptyService } from '../fakes/world.ts'

describe('in memory', () => {
  clusterContract(async () => {
    const pointer = { target: null, resourceVersion: '1' }
    const order = { ...emptyService(), stable: pointer, preview: { ...pointer } }
    return createWorld(['order'], { order }).cluster
  })
})
