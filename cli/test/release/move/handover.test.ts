import { describe, expect, it } from 'vitest'
import { handoverOf, withHandovers } from '../../../src/release/move/handover.ts'
import type { Handled, Pods } from '../../../src/release/ports/cluster.ts'

function handled(epoch: number, messages: number, first: number, last: number): Handled {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 31) + second * 1_000).toISOString()
  return { epoch, messages, firstAt: at(first), lastAt: at(last) }
}

describe('the handover of a queue', () => {
  const old = [handled(6, 9, 0, 10), handled(6, 3, 0, 10.1)]
  it.each([
    [
      'from the last one to the first',
      old,
      [handled(7, 2, 10.3, 12), handled(7, 3, 10.2, 12)],
      100,
      5,
    ],
    ['without an event since', old, [], null, 0],
    ['with a pod that has handled one long ago', old, [handled(5, 4, 1, 2)], null, 0],
    ['of a first slot', [], [handled(7, 2, 1, 2)], null, 2],
    ['while the old slot is live again', [handled(8, 1, 20, 21)], [handled(7, 2, 11, 12)], null, 2],
    ['with few events', old, [handled(7, 1, 20.2, 20.2)], null, 1],
    ['by clocks that differ', old, [handled(7, 1, 10, 10)], -100, 1],
  ])('%s', (_, before, after, handoverMs, sum) => {
    expect(handoverOf(before, after, 7)).toEqual({ handoverMs, handled: sum })
  })
})

describe('the pods of both slots', () => {
  const reports: Record<string, Handled> = {
    blue: handled(6, 1, 0, 10),
    green: handled(7, 2, 10.1, 11),
  }
  const side = (color: 'blue' | 'green') => ({ color, digest: 'd', version: 'v', revision: 'r' })
  const proof = {
    ...{ name: 'order', from: side('blue'), to: side('green'), epoch: 7, recycled: null },
    ...{ endpointsMs: 1, consumersMs: 2 },
  }

  /** `silent`: how often each pod does not answer. */
  function podsOf(silent: Record<string, number>, list?: () => Promise<string[]>): Pods {
    return {
      reports: (service: string) => service !== 'plain',
      list: list ?? (async (_: string, { color }: { color: string }) => [color]),
      async report(_: string, pod: string) {
        const left = silent[pod] ?? 0
        silent[pod] = left - 1
        if (left === 1) throw new Error('gone')
        return left > 1 ? null : { handled: reports[pod] }
      },
    } as unknown as Pods
  }

  const measured = { handoverMs: 100, handled: 2 }
  it.each<[string, Pods, object]>([
    ['answer', podsOf({}), measured],
    ['answer when they are asked again', podsOf({ blue: 1, green: 1 }), measured],
    ['of the old slot do not answer', podsOf({ blue: 2 }), {}],
    ['of the new slot do not answer', podsOf({ green: 3 }), {}],
    ['cannot be listed', podsOf({}, () => Promise.reject(new Error('away'))), {}],
  ])('%s', async (_, pods, expected) => {
    expect(await withHandovers({ pods }, [proof])).toEqual([{ ...proof, ...expected }])
  })

  it('are not asked where a service reports nothing', async () => {
    const plain = { ...proof, name: 'plain' }
    expect(await withHandovers({ pods: podsOf({}) }, [plain])).toEqual([plain])
  })
})
