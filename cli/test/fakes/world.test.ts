// The world in memory keeps to what the real one does.
import { describe } from 'vitest'
import { clusterContract } from './cluster-contract.ts'
import { aService } from './state.ts'
import { createWorld } from './world.ts'

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
