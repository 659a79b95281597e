// What a command has on its own machine, in memory: time, progress, programs and folders.
import type { Limit } from '../../src/adapters/shell.ts'
import { interrupted } from '../../src/errors.ts'
import type { Event, Events } from '../../src/release/ports/events.ts'
import type { Programs, Scratch } from '../../src/release/ports/project.ts'
import type { Clock, Mask, Operator, Progress } from '../../src/release/ports/session.ts'

export const aLimit: Limit = { seconds: 4, setting: '`timeouts.request` of shopctl.yaml' }

export const operator: Operator = { by: 'me@here', run: null }

/** Where no test looks at secrets. */
export const noMask: Mask = () => {}

/** Never really sleeps; the time passes as fast as it is asked for. */
export function createFakeClock(): Clock {
  let passed = 0
  return {
    now: () => new Date(Date.UTC(2026, 0, 1, 12) + passed),
    monotonic: () => passed,
    async sleep(ms, signal) {
      if (signal?.aborted) throw interrupted()
      passed += ms
    },
  }
}

export interface FakeProgress extends Progress {
  /** Titles of steps and notes; warnings begin with `! `. */
  lines: string[]
}

export function createFakeProgress(): FakeProgress {
  const lines: string[] = []
  return {
    lines,
    step: async (title, run) => {
      lines.push(title)
      return run(() => {})
    },
    note: (line) => void lines.push(line),
    warn: (line) => void lines.push(`! ${line}`),
  }
}

export interface FakeEvents extends Events {
  emitted: Event[]
}

export function createFakeEvents(): FakeEvents {
  const emitted: Event[] = []
  const time = '2026-01-01T12:00:00.000Z'
  return {
    emitted,
    emit: (kind, payload) => void emitted.push({ version: 1, time, kind, payload } as Event),
  }
}

export interface FakePrograms extends Programs {
  scripts: { file: string; env: Readonly<Record<string, string>> }[]
  /** What a script writes to stdout, by file. */
  outputs: Record<string, string>
  /** What is done while a hook runs. */
  onHook(file: string): void
  /** Scripts that fail, by file. */
  failing: Set<string>
}

export function createFakePrograms(): FakePrograms {
  const programs: FakePrograms = {
    scripts: [],
    outputs: {},
    failing: new Set(),
    onHook() {},
    run: async () => ({ exitCode: 0, stdout: '', output: '' }),
    async script(file, env) {
      programs.scripts.push({ file, env })
      const stdout = programs.outputs[file] ?? ''
      return programs.failing.has(file)
        ? { exitCode: 1, stdout, output: 'expected 200, got 503' }
        : { exitCode: 0, stdout, output: stdout }
    },
    async hook(file, env, signal) {
      programs.onHook(file)
      return programs.script(file, env, signal)
    },
  }
  return programs
}

export interface FakeScratch extends Scratch {
  /** What was written into folders so far, by its path within. */
  files: Record<string, string>
}

export function createFakeScratch(): FakeScratch {
  const scratch: FakeScratch = {
    files: {},
    folder: (use) =>
      use({
        path: '/scratch',
        async write(name, parts) {
          let text = ''
          for await (const part of parts) text += part
          scratch.files[name] = text
        },
      }),
  }
  return scratch
}
