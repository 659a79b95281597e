// Random sequences of intents against a model of the world: what must never happen, and what must always be possible.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { planCleanup } from '../../src/release/cleanup/plan.ts'
import { planDeploy } from '../../src/release/deploy/plan.ts'
import { planRollback } from '../../src/release/move/plan-rollback.ts'
import { planSwitch } from '../../src/release/move/plan-switch.ts'
import { interruptedOutcome, openMove } from '../../src/release/record.ts'
import {
  type Color,
  colors,
  isReady,
  type Move,
  type MoveVerb,
  otherColor,
} from '../../src/release/slot.ts'
import {
  candidate,
  type EnvironmentState,
  liveColor,
  liveSlot,
  type ServiceState,
} from '../../src/release/state.ts'
import { anOpenOperation, aPointer, aSlot, aState, emptyService } from '../fakes/state.ts'

const names = ['order', 'payment'] as const
type Name = (typeof names)[number]

type Intent =
  | {
      verb: 'deploy'
      services: Name[]
      revision: string
      color: Color | null
      becomesReady: boolean
    }
  | { verb: 'switch'; services: Name[] | null; diesAfter: number | null }
  | { verb: 'rollback'; services: Name[] | null; diesAfter: number | null }
  | { verb: 'cleanup'; services: Name[] | null }
  | { verb: 'recover' }

const some = fc.subarray([...names], { minLength: 1 })
const someOrAll = fc.option(some, { nil: null })
/** After how many Services a command is killed; null: it lives. */
const death = fc.option(fc.integer({ min: 0, max: 2 }), { nil: null, freq: 6 })
const intent: fc.Arbitrary<Intent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant('deploy' as const),
      services: some,
      revision: fc.constantFrom('a', 'b', 'c', 'd'),
      color: fc.option(fc.constantFrom(...colors), { nil: null, freq: 3 }),
      becomesReady: fc.integer({ min: 0, max: 9 }).map((number) => number > 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant('switch' as const),
      services: someOrAll,
      diesAfter: death,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('rollback' as const),
      services: someOrAll,
      diesAfter: death,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ verb: fc.constant('cleanup' as const), services: someOrAll }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('recover' as const) }) },
)

function need(state: EnvironmentState, name: string): ServiceState {
  const service = state.services[name]
  if (!service) throw new Error(name)
  return service
}

/** What a move does with its plan; killed, it leaves the intent and some of the Services. */
function moveAll(
  state: EnvironmentState,
  verb: MoveVerb,
  moves: Move[],
  diesAfter: number | null,
): void {
  const { journal } = state
  if (journal.open) {
    journal.closed.push({ ...journal.open, outcome: interruptedOutcome(journal.open) })
    journal.open = null
  }
  if (moves.length === 0) return
  const number = ++journal.counter.operation
  const release = `r-${++journal.counter.release}`
  journal.open = anOpenOperation({ number, verb, release, services: moves })
  for (const [index, { name, to }] of moves.entries()) {
    if (index === diesAfter) return
    need(state, name).stable = aPointer(to && { color: to.color, revision: to.revision })
  }
  if (diesAfter !== null) return
  for (const { name, to } of moves) if (to) need(state, name).preview = aPointer(to)
  journal.closed.push({ ...journal.open, outcome: 'done' })
  journal.open = null
}

/** Carries an intent out on a copy, as the driver would; a refusal changes nothing. */
function step(before: EnvironmentState, intent: Intent): EnvironmentState {
  const state = structuredClone(before)
  switch (intent.verb) {
    case 'deploy': {
      const { revision, becomesReady } = intent
      const wanted = { digest: `sha256:${revision}`, version: revision, revision, replicas: null }
      const plan = planDeploy(before, {
        wanted: Object.fromEntries(intent.services.map((name) => [name, wanted])),
        color: intent.color,
        unfinished: [],
        unmigrated: [],
      })
      if (plan.kind === 'refusal') break
      for (const { service: name, action, color, preview } of plan.steps) {
        const service = need(state, name)
        service.stable ??= aPointer(null)
        if (action === 'upgrade')
          service.slots[color] = aSlot(color, revision, { ready: becomesReady ? 2 : 0 })
        service.preview = aPointer(preview)
      }
      break
    }
    case 'switch': {
      const plan = planSwitch(before, { services: intent.services, color: null, skipSmoke: true })
      if (plan.kind === 'switch') moveAll(state, 'switch', plan.moves, intent.diesAfter)
      break
    }
    case 'rollback': {
      const plan = planRollback(before, { services: intent.services, to: null })
      if (plan.kind === 'rollback') moveAll(state, 'rollback', plan.moves, intent.diesAfter)
      break
    }
    case 'cleanup': {
      const plan = planCleanup(before, { services: intent.services })
      if (plan.kind === 'refusal') break
      for (const { name, slot } of plan.removals) need(state, name).slots[slot.color] = null
      for (const { service, target } of plan.previews)
        need(state, service).preview = aPointer(target)
      break
    }
    case 'recover':
      for (const service of Object.values(state.services)) {
        for (const slot of Object.values(service.slots)) if (slot) slot.ready = slot.replicas
      }
  }
  return state
}

function initial(): EnvironmentState {
  return aState(Object.fromEntries(names.map((name) => [name, emptyService()])))
}

/** Calls `check` with the state before and after every step. */
function forEveryStep(
  check: (before: EnvironmentState, intent: Intent, after: EnvironmentState) => void,
): void {
  fc.assert(
    fc.property(fc.array(intent, { maxLength: 25 }), (intents) => {
      let state = initial()
      for (const intent of intents) {
        const after = step(state, intent)
        check(state, intent, after)
        state = after
      }
    }),
    { numRuns: 1_500 },
  )
}

it('a service serves from one slot that exists with the revision its Service names, or from none', () => {
  forEveryStep((_, __, after) => {
    for (const service of Object.values(after.services)) {
      const target = service.stable?.target
      if (target) expect(liveSlot(service)?.revision).toBe(target.revision)
    }
  })
})

it('deploy and cleanup never change the slot that serves, nor what serves', () => {
  forEveryStep((before, intent, after) => {
    if (intent.verb !== 'deploy' && intent.verb !== 'cleanup') return
    for (const name of names) {
      expect(need(after, name).stable?.target ?? null).toEqual(
        need(before, name).stable?.target ?? null,
      )
      expect(liveSlot(need(after, name))).toEqual(liveSlot(need(before, name)))
    }
  })
})

it('only a ready slot goes live', () => {
  forEveryStep((before, _, after) => {
    for (const name of names) {
      const color = liveColor(need(after, name))
      if (!color || color === liveColor(need(before, name))) continue
      const slot = need(before, name).slots[color]
      expect(slot && isReady(slot)).toBe(true)
    }
  })
})

it('after a switch a rollback is possible as long as the old slots are kept and ready', () => {
  forEveryStep((before, intent, after) => {
    if (intent.verb !== 'switch' || after.journal.open) return
    const last = after.journal.closed.at(-1)
    if (last?.verb !== 'switch') return
    if (after.journal.closed.length === before.journal.closed.length) return
    const back = last.services.filter(({ from }) => from !== null)
    const kept = back.every(({ name, from }) => {
      const slot = from && need(after, name).slots[from.color]
      return slot?.revision === from?.revision && slot !== null && isReady(slot)
    })
    if (back.length === 0 || !kept) return
    const plan = planRollback(after, { services: back.map(({ name }) => name), to: null })
    expect(plan.kind).toBe('rollback')
    const rolledBack = step(after, {
      verb: 'rollback',
      services: back.map(({ name }) => name) as Name[],
      diesAfter: null,
    })
    for (const { name, from } of back)
      expect(need(rolledBack, name).stable?.target?.revision).toBe(from?.revision)
  })
})

it('a command that dies half-way leaves a state that rollback brings to an end', () => {
  forEveryStep((_, __, after) => {
    if (!after.journal.open) return
    const ready = step(after, { verb: 'recover' })
    const finished = step(ready, { verb: 'rollback', services: null, diesAfter: null })
    expect(finished.journal.open).toBeNull()
  })
})

it('as long as a switch is interrupted, nothing else changes anything', () => {
  forEveryStep((before, intent, after) => {
    if (!openMove(before.journal) || intent.verb === 'rollback' || intent.verb === 'recover') return
    expect(after).toEqual(before)
  })
})

it('no deploy is for a slot that serves', () => {
  forEveryStep((before, intent) => {
    if (intent.verb !== 'deploy') return
    const { services, revision, color } = intent
    const wanted = { digest: `sha256:${revision}`, version: revision, revision, replicas: null }
    const plan = planDeploy(before, {
      wanted: Object.fromEntries(services.map((name) => [name, wanted])),
      color,
      unfinished: services,
      unmigrated: [],
    })
    for (const { service, action, color } of plan.kind === 'deploy' ? plan.steps : [])
      if (action === 'upgrade') expect(color).not.toBe(liveColor(need(before, service)))
  })
})

it('a candidate is never the slot that serves', () => {
  forEveryStep((_, __, after) => {
    for (const service of Object.values(after.services)) {
      const slot = candidate(service)
      const live = liveColor(service)
      if (slot && live) expect(slot.color).toBe(otherColor(live))
    }
  })
})
