// What is built first, and what the user sees of it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Layout, layoutOf } from '../../src/platform/layout.ts'
import { sideBySide } from '../../src/platform/side-by-side.ts'
import type { Item } from '../../src/platform/store.ts'
import { goPrograms } from '../../src/platform/up.ts'

let folder: string
let layout: Layout
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'building-'))
  layout = layoutOf(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

function itemThat(name: string, build: Item['build']): Item {
  return { name, inputs: [], build }
}

async function detailsOf(jobs: Parameters<typeof sideBySide>[2]): Promise<string[]> {
  const details: string[] = []
  const progress = {
    step: <T>(_: string, run: (say: (detail: string) => void) => Promise<T>) =>
      run((detail) => void details.push(detail)),
    note: () => {},
    warn: () => {},
  }
  await sideBySide(progress, 'Building', jobs)
  return details
}

it('programs of Go are built one after another, each under its own name', async () => {
  let running = 0
  const item = (name: string): Item =>
    itemThat(name, async (_, say) => {
      running += 1
      await new Promise((resolve) => setImmediate(resolve))
      say(`compiled, beside ${running - 1} others`)
      running -= 1
    })
  const kubernetes = item('kubernetes')
  const added = [item('log-collector'), item('log-store')]
  const details = await detailsOf(goPrograms(layout, { kubernetes, added }))
  expect(details.filter((each) => each.includes('compiled'))).toEqual([
    'Kubernetes: compiled, beside 0 others · log-collector: waiting · log-store: waiting',
    'log-collector: compiled, beside 0 others · log-store: waiting',
    'log-store: compiled, beside 0 others',
  ])
  const again = await detailsOf(goPrograms(layout, { kubernetes, added }))
  expect(again.join()).not.toMatch(/compiled|waiting/)
})

it('after one that fails, no other program is built', async () => {
  const built: string[] = []
  const kubernetes = itemThat('kubernetes', async () => {
    throw new Error('no room')
  })
  const added = [itemThat('log-store', async () => void built.push('log-store'))]
  await expect(detailsOf(goPrograms(layout, { kubernetes, added }))).rejects.toThrow('no room')
  expect(built).toEqual([])
})
