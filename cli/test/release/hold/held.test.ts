// What a rollback puts on hold, and what frees it again.
import { expect, it } from 'vitest'
import { heldAmong, heldDigests, heldText, holdRefusal } from '../../../src/release/hold/held.ts'
import type { Operation } from '../../../src/release/record.ts'
import { aJournal, aMove, anOperation, aSide, aSlot } from '../../fakes/state.ts'

type Name = 'order' | 'payment'

/** `a→b` of a service: each letter is an image and the revision of its slot. */
function moves(text: string, name: Name = 'order') {
  const [from = '', to = ''] = text.split('→')
  const side = (letter: string) =>
    letter === '' ? null : aSide('abc'.indexOf(letter) % 2 === 0 ? 'blue' : 'green', letter)
  return { name, from: side(from), to: side(to) }
}

let number = 0

function move(verb: 'switch' | 'rollback', text: string, over: Partial<Operation> = {}): Operation {
  number += 1
  return aMove(`r-${number}`, verb, [], { services: [moves(text)], ...over })
}

const switched = (text: string, over?: Partial<Operation>) => move('switch', text, over)
const rolledBack = (text: string, over?: Partial<Operation>) => move('rollback', text, over)

function freed(letter: string, over: Partial<Operation> = {}): Operation {
  const services = [{ name: 'order', from: null, to: aSide('green', letter) }]
  return anOperation({ verb: 'hold-release', services, ...over })
}

function heldIn(closed: readonly Operation[]): string[] {
  return heldDigests(aJournal({ closed })).map(({ service, side }) => `${service} ${side.digest}`)
}

const twice = [switched('→a'), switched('a→b')]

it.each<[string, Operation[], string[]]>([
  ['nothing before the first rollback', twice, []],
  ['what a rollback has left', [...twice, rolledBack('b→a')], ['order sha256:b']],
  [
    'all versions that were left',
    [...[...twice, rolledBack('b→a')], ...[switched('a→c'), rolledBack('c→a')]],
    ['order sha256:b', 'order sha256:c'],
  ],
  [
    'only what is left when it goes further back',
    [...[...twice, switched('b→c'), rolledBack('c→a')]],
    ['order sha256:c'],
  ],
  [
    'nothing when a rollback is undone by another',
    [...[...twice, rolledBack('b→a'), rolledBack('a→b')]],
    [],
  ],
  [
    'what is left again after that',
    [...[...twice, rolledBack('b→a'), rolledBack('a→b'), rolledBack('b→a')]],
    ['order sha256:b'],
  ],
  ['nothing after it was released', [...twice, rolledBack('b→a'), freed('b')], []],
  [
    'the others after one was released',
    [...twice, rolledBack('b→a'), freed('c')],
    ['order sha256:b'],
  ],
  [
    'what a release failed to free',
    [...[...twice, rolledBack('b→a'), freed('b', { outcome: 'failed' })]],
    ['order sha256:b'],
  ],
  [
    'what is left a second time, after it was released',
    [...[...twice, rolledBack('b→a'), freed('b'), switched('a→b'), rolledBack('b→a')]],
    ['order sha256:b'],
  ],
  [
    'nothing of a switch that was put back by itself',
    [...[switched('→a'), switched('a→b', { outcome: 'undone' })]],
    [],
  ],
  [
    'nothing of a switch that was interrupted',
    [...[switched('→a'), switched('a→b', { outcome: 'undone' }), rolledBack('b→a')]],
    [],
  ],
  [
    'nothing of one that was interrupted, to an image that was live before',
    [
      ...[...twice, rolledBack('b→a'), freed('b')],
      ...[switched('a→b', { outcome: 'undone' }), rolledBack('b→a')],
    ],
    [],
  ],
  [
    'nothing of a first switch that was interrupted',
    [...[switched('→a', { outcome: 'undone' }), rolledBack('a→')]],
    [],
  ],
  [
    'what is left after a later switch was put back by itself',
    [...[...twice, switched('b→c', { outcome: 'undone' }), rolledBack('b→a')]],
    ['order sha256:b'],
  ],
  [
    'nothing of a rollback that has not ended well',
    [...[...twice, rolledBack('b→a', { outcome: 'failed' })]],
    [],
  ],
  [
    'what is left although the journal has given up the switch',
    [rolledBack('b→a')],
    ['order sha256:b'],
  ],
  [
    'nothing of a rollback that changes only the configuration',
    [
      ...[switched('→a'), switched('a→b')],
      rolledBack('b→a', {
        services: [
          {
            name: 'order',
            from: aSide('green', 'b'),
            to: { ...aSide('blue', 'a'), digest: 'sha256:b' },
          },
        ],
      }),
    ],
    [],
  ],
])('is %s', (_, closed, expected) => {
  expect(heldIn(closed)).toEqual(expected)
})

it('is what each service has left, and no other service with that image', () => {
  const both = (text: string) => [moves(text), moves(text, 'payment')]
  const closed = [
    switched('', { services: both('→a') }),
    switched('', { services: both('a→b') }),
    rolledBack('b→a'),
  ]
  expect(heldIn(closed)).toEqual(['order sha256:b'])
  const journal = aJournal({ closed })
  const slot = aSlot('blue', 'x', { digest: 'sha256:b' })
  expect(heldAmong(journal, [{ name: 'payment', slot }])).toEqual([])
  expect(heldAmong(journal, [{ name: 'order', slot }])).toHaveLength(1)
})

it('says who has rolled it back, when and why, and the command that frees it', () => {
  number = 2
  const over = { by: 'ann@laptop', reason: 'it loses orders' }
  const held = heldDigests(aJournal({ closed: [...twice, rolledBack('b→a', over)] }))
  expect(held.map(heldText)).toEqual([
    'order v-b is on hold: ann@laptop rolled it back with r-3 at 2026-01-01T00:00:00Z, for: it loses orders',
  ])
  expect(holdRefusal(held)).toMatchObject({
    code: 'on-hold',
    hint: expect.stringContaining('`shopctl hold release sha256:b --reason "…"`'),
  })
  expect(holdRefusal([])).toBeNull()
})
