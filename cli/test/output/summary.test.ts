// What a workflow's step shows on the page of its run.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { appendSummary, type Section, type Workflow } from '../../src/output/workflow.ts'

let workflow: Workflow & { summaryFile: string }
beforeEach(() => {
  const workspace = mkdtempSync(join(tmpdir(), 'summary-'))
  workflow = { workspace, summaryFile: join(workspace, 'summary'), outputFile: undefined }
})
afterEach(() => rmSync(workflow.workspace, { recursive: true }))

describe('the summary of a step', () => {
  const section: Section = {
    ...{ title: 'shopctl switch', succeeded: true, lines: ['r-1: order green'] },
    tables: [
      [
        ['SERVICE', 'HTTP'],
        ['order', '20 ms'],
      ],
    ],
  }
  const written = () => readFileSync(workflow.summaryFile, 'utf8')

  it('is a table, after what is there', () => {
    writeFileSync(workflow.summaryFile, 'before\n')
    appendSummary(workflow, section)
    expect(written()).toBe(
      'before\n### ✓ shopctl switch\n\nr-1: order green\n\n| SERVICE | HTTP |\n| --- | --- |\n| order | 20 ms |\n\n',
    )
  })

  it('shows every text as it is', () => {
    const odd = 'a|b\n<script>*x*`'
    appendSummary(workflow, { ...section, lines: [], tables: [[['X'], [odd]]] })
    expect(written()).toContain('| a\\|b \\<script\\>\\*x\\*\\` |\n')
  })

  it.each([
    ['a long table is left out', 0, 200_000, /too long for this page/],
    ['what does not fit is left out', 1024 * 1024 - 20, 1, /^x+$/],
  ])('stays within 1 MiB: %s', (_, before, rows, expected) => {
    writeFileSync(workflow.summaryFile, 'x'.repeat(before))
    const table = [['SERVICE'], ...Array.from({ length: rows }, () => ['order'])]
    appendSummary(workflow, { ...section, tables: [table] })
    expect(written()).toMatch(expected)
    expect(Buffer.byteLength(written())).toBeLessThanOrEqual(1024 * 1024)
  })

  it('counts bytes', () => {
    const table = [['é'], ...Array.from({ length: 110_000 }, () => ['é'.repeat(3)])]
    appendSummary(workflow, { ...section, tables: [table] })
    expect(Buffer.byteLength(written())).toBeLessThanOrEqual(1024 * 1024)
  })
})
