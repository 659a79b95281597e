// The report of a switch under load, opened in a real Chromium: reads its figures, and takes the picture of the README. Runs in
// environment `test`; the shop then serves from the slots from which it served before.
import { strict as assert } from 'node:assert'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startLoad } from '../../services/shop/load/drive.ts'
import { describe, isExact } from '../../services/shop/load/report.ts'
import type { Operation } from '../src/release/record.ts'
import { platform } from '../test/real/observability.ts'
import { copyTree, edgeUrl, ensureLive, shopctlJson, shopctlOk, status } from '../test/real/shop.ts'
import { inBrowser, type Tab } from '../test/soak/browser.ts'
import { overlaps, seenAt } from '../test/soak/seen.ts'
import { requestsPerOrder } from './events.ts'
import { type Report, seconds, timed } from './measure.ts'
import { checkInstalled } from './observability.ts'

const picture = join(import.meta.dirname, 'report.png')
const mostBytes = 300_000
const pictureHeight = 1_800
const ordersPerSecond = 10
const steadyMs = 100_000

/** Deploys new versions to the standby slots of all services. */
async function deployNew(): Promise<void> {
  const tree = await copyTree()
  try {
    for (const name of Object.keys((await status()).services))
      await tree.append(`services/${name}/main.ts`, '\n// Another version.\n')
    for (const verb of ['build', 'push', 'deploy', 'smoke'])
      await shopctlOk([verb], { cwd: tree.dir })
  } finally {
    await tree.remove()
  }
}

/** Switches and rolls back in the middle of a load. Returns the release of the switch. */
async function switchUnderLoad(): Promise<string> {
  const rate = ordersPerSecond * requestsPerOrder
  const load = startLoad({ url: edgeUrl, rate, seconds: 900, seed: 1 })
  const moves = async (): Promise<string> => {
    await sleep(steadyMs)
    const reason = 'the picture of the README'
    const { release } = await shopctlJson<{ release: string }>(['switch', '--reason', reason])
    await sleep(steadyMs)
    await shopctlOk(['rollback', '--reason', 'the picture is taken'])
    await sleep(steadyMs / 2)
    return release
  }
  const release = await moves().finally(() => load.stop())
  const report = await load.ended
  if (!isExact(report)) throw new Error(describe(report).join('\n'))
  return release
}

export async function benchReport(report: Report): Promise<void> {
  checkInstalled(JSON.parse(await platform('status', '--json')))
  await ensureLive()
  await deployNew()
  const release = await switchUnderLoad()
  const folder = await mkdtemp(join(tmpdir(), 'report-'))
  const file = join(folder, `${release}.html`)
  try {
    const took = await timed(() => shopctlOk(['report', release, '-o', file]))
    const { length } = await readFile(file)
    report('`report` of a switch of four services', seconds(took), '')
    report('its page', `${Math.round(length / 1_000)} kB`, '')
    const { operation } = await shopctlJson<{ operation: Operation }>(['history', 'show', release])
    await inBrowser(file, (tab) => checkPage(tab, operation))
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function checkPage(tab: Tab, operation: Operation): Promise<void> {
  await tab.show({})
  assert.equal(tab.requests.length, 1)
  assert.deepEqual(tab.complaints, [])
  assert.deepEqual(await overlaps(tab), [])
  for (const [nth, { name, from, to, proof }] of operation.services.entries()) {
    const minuteOf = (time: string | null): number => (Date.parse(time ?? '') / 60_000) % 1_440
    const [before, after] = [minuteOf(operation.startedAt) - 1, minuteOf(operation.endedAt) + 1.5]
    const seen = (title: string, curve: string, minute: number) =>
      seenAt(tab, { title, curve, minute, nth })
    const [old, new_] = [from?.color ?? '', to?.color ?? '']
    const figures = {
      handled: [
        await seen('Messages handled', old, before),
        await seen('Messages handled', new_, after),
      ],
      idle: [
        await seen('Messages handled', new_, before),
        await seen('Messages handled', old, after),
      ],
      consumers: [await seen('Consumers', old, before), await seen('Consumers', new_, after)],
      epoch: [await seen('Epoch of the gate', new_, after)],
    }
    console.log(name, JSON.stringify(figures))
    for (const each of figures.handled) assert.ok((each ?? 0) > ordersPerSecond / 3, name)
    // What a slot never counted has no curve.
    for (const each of figures.idle) assert.ok((each ?? 0) < 1, name)
    for (const each of figures.consumers) assert.ok((each ?? 0) > 0.9, name)
    assert.ok(Math.abs((figures.epoch[0] ?? 0) - Number(proof?.epoch)) < 0.5, name)
  }
  const png = await tab.screenshot(pictureHeight)
  assert.ok(png.length < mostBytes, `the picture has ${png.length} bytes`)
  await writeFile(picture, png)
}
