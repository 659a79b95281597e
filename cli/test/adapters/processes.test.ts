// How a process is recognised later, by others too.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  describeSelf,
  hasEnded,
  identify,
  isSame,
  startTimeOf,
} from '../../src/adapters/processes.ts'

describe('processes', () => {
  const stat = (name: string, state: string): string =>
    `42 (${name}) ${state} 1 42 42 0 -1 4194304 102 0 0 0 0 0 0 0 20 0 1 0 276788 3133440 382`

  it.each([
    ['etcd', 'S', '276788'],
    ['a) R (b', 'R', '276788'],
    ['gone', 'Z', null],
  ])('reads when (%s) began in state %s', (name, state, started) => {
    expect(startTimeOf(stat(name, state))).toBe(started)
  })

  it('has no start for a process that is not there', () => {
    expect(startTimeOf('')).toBeNull()
  })

  const known = { pid: 42, started: '100', boot: 'x' }
  it.each([
    ['the same', { pid: 42, started: '100', boot: 'x' }, true],
    ['a later process with its number', { pid: 42, started: '101', boot: 'x' }, false],
    ['a process of another boot', { pid: 42, started: '100', boot: 'y' }, false],
    ['nobody', null, false],
  ])('recognises %s', (_, other, same) => {
    expect(isSame(known, other)).toBe(same)
  })
})

/** The description of a process, as it would have written it itself. */
async function descriptionOf(pid: number): Promise<string> {
  const [, , ...place] = String(await describeSelf()).split(' ')
  return [pid, (await identify(pid))?.started, ...place].join(' ')
}

function startSleep(): { pid: number; killed(): Promise<void> } {
  const child = spawn('sleep', ['60'])
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    pid: child.pid ?? 0,
    async killed() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

describe('a described process', () => {
  it('has not ended while it runs', async () => {
    expect(await hasEnded(String(await describeSelf()))).toBe(false)
    expect(await hasEnded(await descriptionOf(startSleep().pid))).toBe(false)
  })

  it('has ended when it was killed', async () => {
    const { pid, killed } = startSleep()
    const description = await descriptionOf(pid)
    await killed()
    expect(await hasEnded(description)).toBe(true)
  })

  it('has ended when it waits as a zombie for a parent that does not look', async () => {
    // The child writes its pid and ends; the parent became another program and does not wait for it.
    const parent = spawn('sh', ['-c', '(sleep 0.2) & echo $!; exec sleep 60'])
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [pid] = await once(parent.stdout, 'data')
    const description = await descriptionOf(Number(pid))
    await expect.poll(() => hasEnded(description)).toBe(true)
    expect(process.kill(Number(pid), 0)).toBe(true)
  })

  const parts = async () => String(await describeSelf()).split(' ')
  it('has ended when another process has its id', async () => {
    const [pid, started, ...place] = await parts()
    expect(await hasEnded([pid, Number(started) - 1, ...place].join(' '))).toBe(true)
  })

  it.each([
    ['another machine', 0, 'elsewhere'],
    ['another boot', 1, '0b9c2b1e-0000-0000-0000-000000000000'],
    ['another pid namespace', 2, 'pid:[1]'],
  ])('of %s is not known to have ended', async (_, index, other) => {
    const { pid, killed } = startSleep()
    const [id = '', started = '', ...place] = (await descriptionOf(pid)).split(' ')
    await killed()
    expect(await hasEnded([id, started, ...place.with(index, other)].join(' '))).toBe(false)
  })

  it.each(['', 'nonsense', '1', '1 2', '-1 2 x'])('%j tells nothing', async (text) => {
    expect(await hasEnded(text)).toBe(false)
  })
})
