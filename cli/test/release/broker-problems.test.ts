// A verb prints the problems of the broker, and goes on.
import { describe, expect, it } from 'vitest'
import { besideBroker } from '../../src/release/broker-problems.ts'
import { createWorld } from '../fakes/world.ts'

const alarm = 'memory alarm on rabbit@rabbitmq-0, so it takes no events'

describe('beside a verb', () => {
  it.each<[string, () => Promise<string[]>, string[]]>([
    [
      'each problem is said',
      async () => [alarm, 'node b is down'],
      [`! broker: ${alarm}`, '! broker: node b is down'],
    ],
    ['nothing is said of a broker that is well', async () => [], []],
    [
      'nothing is said of a broker that cannot be asked',
      () => Promise.reject(new Error('away')),
      [],
    ],
  ])('%s, and the verb ends as it does', async (_, problems, lines) => {
    const { broker, progress } = createWorld(['order'])
    const ports = { broker: { ...broker, problems }, progress }
    expect(await besideBroker(ports, Promise.resolve('done'))).toBe('done')
    await expect(besideBroker(ports, Promise.reject(new Error('late')))).rejects.toThrow('late')
    expect(progress.lines).toEqual([...lines, ...lines])
  })

  it('an alarm is said while the verb still runs', async () => {
    const { broker, progress } = createWorld(['order'])
    const verb = Promise.withResolvers<string>()
    const running = besideBroker(
      { broker: { ...broker, problems: async () => [alarm] }, progress },
      verb.promise,
    )
    await expect.poll(() => progress.lines).toEqual([`! broker: ${alarm}`])
    verb.resolve('done')
    expect(await running).toBe('done')
  })

  it('an environment without a broker has nothing to say', async () => {
    const { progress } = createWorld(['order'])
    expect(await besideBroker({ broker: null, progress }, Promise.resolve(1))).toBe(1)
    expect(progress.lines).toEqual([])
  })
})
