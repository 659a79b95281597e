// The world in memory keeps to what the real one does.
import { describe } from 'vitest'
import { clusterContract } from '../fakes/cluster-contract.ts'
import { aService } from '../fakes/state.ts'
import { createWorld } from '../fakes/world.ts'

describe('in memory', () => {
  clusterContract(async () => {
    const world = createWorld(['order'], { order: aService({}, null, null) })
    return {
      ...world,
      async damage({ number }) {
        const { journal } = world.state
        const name = `record ${number}`
        journal.closed = journal.closed.filter((each) => each.number !== number)
        journal.damaged.push(name)
        return name
      },
    }
  })
})
