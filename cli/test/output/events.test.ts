import { describe, expect, it } from 'vitest'
import { createEvents, toldProgress } from '../../src/output/events.ts'
import type { Event } from '../../src/release/ports/events.ts'
import { createFakeEvents, createFakeProgress } from '../fakes/host.ts'

describe('events', () => {
  const now = () => new Date(Date.UTC(2026, 0, 1))
  const event = {
    ...{ version: 1, time: '2026-01-01T00:00:00.000Z' },
    ...{ kind: 'note', payload: { text: 'a' } },
  }

  it('reach every listener', () => {
    const events = createEvents(now)
    const [one, other]: [Event[], Event[]] = [[], []]
    events.add((each) => one.push(each))
    events.add((each) => other.push(each))
    events.emit('note', { text: 'a' })
    expect([one, other]).toEqual([[event], [event]])
  })

  it('survive a listener that fails, which gets no more', () => {
    const events = createEvents(now)
    let asked = 0
    const seen: Event[] = []
    events.add(() => {
      asked += 1
      throw new Error('no')
    })
    events.add((each) => seen.push(each))
    events.emit('note', { text: 'a' })
    events.emit('note', { text: 'a' })
    expect({ asked, seen }).toEqual({ asked: 1, seen: [event, event] })
  })
})

describe('progress that is told', () => {
  function progressOf() {
    const [shown, events] = [createFakeProgress(), createFakeEvents()]
    let time = 0
    const told = toldProgress(shown, events, () => {
      time += 5
      return time
    })
    const kinds = () => events.emitted.map(({ kind, payload }) => ({ kind, ...payload }))
    return { shown, told, kinds }
  }

  it('is shown too', async () => {
    const { shown, told, kinds } = progressOf()
    told.note('a')
    told.warn('b')
    expect(await told.step('c', async () => 7)).toBe(7)
    expect(shown.lines).toEqual(['a', '! b', 'c'])
    expect(kinds()).toEqual([
      { kind: 'note', text: 'a' },
      { kind: 'warning', text: 'b' },
      { kind: 'step.started', step: 'c' },
      { kind: 'step.ended', step: 'c', outcome: 'done', tookMs: 5 },
    ])
  })

  it('tells a step that failed', async () => {
    const { told, kinds } = progressOf()
    await expect(told.step('c', async () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(kinds().at(-1)).toMatchObject({ kind: 'step.ended', outcome: 'failed' })
  })
})
