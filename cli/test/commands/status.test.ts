// What is live and what is on standby, as a table.
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { statusText } from '../../src/commands/status.ts'
import { plain, widths, words } from './widths.ts'

describe('a status', () => {
  const slot = (version: string) => ({
    ...{ digest: 'sha256:a', version, revision: '0123456789', replicas: 2, ready: 2 },
    ...{ smoked: true, smokeFailed: false, consumers: 2, inFlight: 0, login: null },
  })
  const notification = {
    active: 'green' as const,
    epoch: 123,
    slots: { blue: slot('6c9086eb'), green: slot('6c9086eb-0d2fd927') },
  }
  const well = { problems: [], unlisted: [] }
  const quiet = {
    ...{ env: 'local', release: 'r-1', operation: null, lock: null, broker: null },
    ...well,
  }
  const busy = {
    ...{ env: 'local', release: 'r-41', ...well },
    operation: {
      ...{ id: 'r-42', verb: 'rollback', step: 'under way' },
      next: 'wait for somebody-with-a-name@a-machine-with-a-longer-one 123456',
    },
    lock: {
      holder: 'somebody-with-a-name@a-machine-with-a-longer-one 123456',
      reason: 'rollback of everything that was released since this morning',
      since: '2026-01-01T12:00:00Z',
    },
    broker: { problems: ['memory alarm on rabbit@rabbitmq-0, so it takes no events'] },
  }

  it('has the epoch of the live slot', () => {
    const text = plain((width) => statusText({ ...quiet, services: { notification } }, width))
    expect(text).toMatch(/● green.*2 epoch 123$/m)
    expect(text).toMatch(/ {2}blue.*passed {2}2$/m)
  })

  it('tells a failed smoke test from none', () => {
    const blue = { ...slot('a'), smoked: false, smokeFailed: true }
    const slots = { blue, green: { ...slot('b'), smoked: false } }
    const services = { notification: { ...notification, slots } }
    const text = plain((width) => statusText({ ...quiet, services }, width))
    expect(text).toMatch(/ {2}blue.*2\/2 +failed +2$/m)
    expect(text).toMatch(/● green.*2\/2 +- +2 epoch 123$/m)
  })

  it('marks the live slot in color', () => {
    const styled = statusText({ ...quiet, services: { notification } }, 80)
    const line = styled.split('\n').find((each) => each.includes('green')) ?? ''
    expect(line).not.toBe(stripVTControlCharacters(line))
  })

  it.each(widths)('fits into %s columns and loses nothing', (width) => {
    const bare = { active: null, epoch: null, slots: { blue: null, green: null } }
    const services = { notification, inventory: bare }
    const text = words(plain((room) => statusText({ ...busy, services }, room), width))
    for (const part of [
      ...['local r-41', 'rollback r-42 under way: wait for somebody', 'locked by somebody'],
      ...['released since this morning', '6c9086eb-0d2fd927', '2/2', 'passed', '2 epoch 123'],
      ...['inventory', 'not deployed'],
      'broker: memory alarm on rabbit@rabbitmq-0',
    ])
      expect(text).toContain(part)
  })

  it('reports that there is no release yet', () => {
    expect(plain((width) => statusText({ ...quiet, release: null, services: {} }, width))).toMatch(
      /^local {2}no release yet\n/,
    )
  })

  it('says what is wrong with a slot, since when, and which command helps', () => {
    const problem = {
      ...{ service: 'order', color: 'blue' as const, what: 'order blue 6c9086eb is not ready.' },
      ...{ since: '2026-01-01T12:00:00.123Z', hint: 'Run `shopctl deploy`.' },
    }
    const status = { ...quiet, services: { notification }, problems: [problem] }
    expect(words(plain((width) => statusText(status, width)))).toMatch(
      /! order blue 6c9086eb is not ready\. Since 2026-01-01T12:00:00Z\. Run `shopctl deploy`\.$/,
    )
  })

  it('names the slots of services that are not in shopctl.yaml, and how to delete them', () => {
    const unlisted = (['blue', 'green'] as const).map((color) => ({
      ...{ service: 'billing', color, version: `v-${color}` },
    }))
    const status = { ...quiet, services: { notification }, unlisted }
    expect(words(plain((width) => statusText(status, width)))).toContain(
      'billing has blue v-blue and green v-green, but is not in shopctl.yaml. `helm uninstall billing billing-blue billing-green` deletes it.',
    )
  })
})
