// shopctl report: of what there is a page, what it says of figures, and where it goes.
import { describe, expect, it } from 'vitest'
import { type ReportContext, reportCommand } from '../../src/commands/report.ts'
import { refused } from '../../src/errors.ts'
import { firstLine } from '../../src/report/page.ts'
import { createShop, releasedTwice, type Shop } from '../fakes/shop.ts'
import { line } from '../report/scene.ts'
import { plain, words } from './widths.ts'

/** The pages that were written, by their paths. */
function contextOf({ world, config }: Shop, hasPrometheus = true) {
  const written: Record<string, string> = {}
  const environment = config.environments.local
  if (!environment) throw new Error('no environment')
  const context: ReportContext = {
    ...{ env: 'local', environment, config, clock: world.clock },
    pages: {
      async write(path, text, mark) {
        expect([text.startsWith(mark), mark]).toEqual([true, firstLine])
        written[path] = text
      },
    },
    cluster: async () => ({ ...world, metrics: hasPrometheus ? world.metrics : null }),
  }
  return { context, written }
}

async function report(shop: Shop, id: string, file: string | null = null, hasPrometheus = true) {
  const { context, written } = contextOf(shop, hasPrometheus)
  const result = await reportCommand(context, { id, file })
  return { ...result, shown: words(plain((width) => result.text(width))), written }
}

async function measured(): Promise<Shop> {
  const shop = await releasedTwice()
  shop.world.metrics.lines = { requests: [line('order', 'green', () => 30)] }
  return shop
}

describe('a page', () => {
  it.each([
    ['r-2', null, 'r-2.html', 'r-2: switch in local of shop'],
    ['r-2', 'out/switch.html', 'out/switch.html', 'r-2: switch in local of shop'],
    ['op-1', null, 'op-1.html', 'op-1: deploy in local of shop'],
  ])('of %s, to %s', async (id, file, path, title) => {
    const { written, document } = await report(await measured(), id, file)
    expect(Object.keys(written)).toEqual([path])
    expect(written[path]).toContain(`<title>${title}</title>`)
    expect(written[path]).toContain('aria-label="Requests: green"')
    expect(document).toEqual({ version: 1, env: 'local', id, file: path, figures: true })
  })

  it('of a rollback says how to undo it', async () => {
    const shop = await measured()
    await shop.rollback({ reason: 'too <slow>' })
    const { written } = await report(shop, 'r-3')
    expect(written['r-3.html']).toContain('<dt>Reason</dt><dd>too &lt;slow&gt;</dd>')
    expect(written['r-3.html']).toMatch(/<code>shopctl (switch|rollback)[^<]*<\/code>/)
  })

  it('says until when its figures grow', async () => {
    const { shown } = await report(await measured(), 'r-2')
    expect(shown).toMatch(
      /^r-2\.html has the record and its figures so far\. They are complete after \d\d:\d\d:\d\d UTC\.$/,
    )
  })
})

describe('without figures', () => {
  it.each<[string, (shop: Shop) => void, boolean, string]>([
    [
      'the environment names no Prometheus',
      () => {},
      false,
      'The environment local names no Prometheus. Set `metrics` for it in shopctl.yaml',
    ],
    [
      'Prometheus does not answer',
      ({ world }) => {
        world.metrics.lines = null
      },
      true,
      'If it is not installed, run `shopctl platform up --with observability`.',
    ],
    [
      'Prometheus knows nothing of that time',
      ({ world }) => {
        world.metrics.lines = {}
      },
      true,
      'does not read them with the label environment="local"',
    ],
  ])('%s', async (_, change, hasPrometheus, expected) => {
    const shop = await releasedTwice()
    change(shop)
    const { written, document, shown } = await report(shop, 'r-2', null, hasPrometheus)
    expect(shown).toMatch(/^r-2\.html has the record, but no figures\. /)
    expect(shown).toContain(expected)
    expect(written['r-2.html']).toContain(expected.replaceAll('"', '&quot;'))
    expect(document).toMatchObject({ figures: false })
  })
})

describe('no page', () => {
  it.each([
    ['r-9', 'The journal has no operation r-9.', /r-1, r-2|r-2, r-1/],
    ['', 'The journal has no operation .', /The latest are /],
    ['../r-2', 'The journal has no operation ../r-2.', /The latest are /],
    ['op-2', /^op-2 is a smoke: a report is about a switch/, /`shopctl history show op-2`/],
  ])('of %s', async (id, message, hint) => {
    const { context, written } = contextOf(await releasedTwice())
    await expect(reportCommand(context, { id, file: null })).rejects.toMatchObject({
      ...{
        exitCode: 2,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      },
    })
    expect(written).toEqual({})
  })

  it('where nothing was done yet', async () => {
    const { context } = contextOf(createShop())
    await expect(reportCommand(context, { id: 'r-1', file: null })).rejects.toMatchObject({
      hint: 'This environment has no operations yet.',
    })
  })

  it('where it cannot be written', async () => {
    const { context } = contextOf(await releasedTwice())
    const full = refused({ code: 'file-unwritable', message: 'its disk is full' })
    const pages = { write: () => Promise.reject(full) }
    await expect(reportCommand({ ...context, pages }, { id: 'r-2', file: null })).rejects.toBe(full)
  })
})
