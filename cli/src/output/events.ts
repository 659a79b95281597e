// Hands the events of a command to those that listen: a file, Slack.
import type { Event, Events } from '../release/ports/events.ts'
import type { Progress } from '../release/ports/session.ts'

export interface EventHub extends Events {
  /** `listener` gets every later event. It must not wait. */
  add(listener: (event: Event) => void): void
}

export function createEvents(now: () => Date): EventHub {
  const listeners = new Set<(event: Event) => void>()
  return {
    add(listener) {
      listeners.add(listener)
    },
    emit(kind, payload) {
      const event = { version: 1, time: now().toISOString(), kind, payload } as Event
      for (const listener of listeners) {
        try {
          listener(event)
        } catch {
          // A listener that fails must not end a switch.
          listeners.delete(listener)
        }
      }
    },
  }
}

/** The same progress, also written as events. `now` returns milliseconds. */
export function toldProgress(progress: Progress, events: Events, now: () => number): Progress {
  return {
    note(text) {
      progress.note(text)
      events.emit('note', { text })
    },
    warn(text) {
      progress.warn(text)
      events.emit('warning', { text })
    },
    async step(step, run) {
      const from = now()
      const end = (outcome: 'done' | 'failed') =>
        events.emit('step.ended', { step, outcome, tookMs: Math.round(now() - from) })
      events.emit('step.started', { step })
      try {
        const result = await progress.step(step, run)
        end('done')
        return result
      } catch (error) {
        end('failed')
        throw error
      }
    },
  }
}
