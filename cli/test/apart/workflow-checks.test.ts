// actionlint and zizmor find nothing in the workflows. The first run fetches both.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { actionlint, zizmor } from '../workflows/checkers.ts'
import { ours } from '../workflows/files.ts'

/** The file of a workflow of ours, changed. */
async function changed(name: string, from: string, to: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'workflow-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const text = await readFile(join(ours, name), 'utf8')
  expect(text).toContain(from)
  const file = join(folder, name)
  await writeFile(file, text.replace(from, to))
  return file
}

test('actionlint finds nothing in them', async () => {
  expect(await actionlint()).toMatchObject({ exitCode: 0, stdout: '' })
}, 300_000)

test('zizmor finds nothing in them, as an auditor', async () => {
  expect(await zizmor()).toMatchObject({ exitCode: 0 })
}, 300_000)

test('actionlint finds an output that does not exist', async () => {
  const file = await changed('shopctl.yml', 'steps.deploy.outputs', 'steps.depoy.outputs')
  const { exitCode, stdout } = await actionlint([file])
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringContaining('depoy') })
})

test('actionlint ignores the queue of a workflow, and no other key beside it', async () => {
  const file = await changed('rollback.yml', 'queue: max', 'queueing: max')
  const { stdout } = await actionlint([file])
  expect(stdout).toContain('unexpected key "queueing"')
})

test('zizmor finds an action that is not pinned', async () => {
  const file = await changed('ci.yml', '@3d3c42e5aac5ba805825da76410c181273ba90b1', '@v7')
  const { exitCode, stdout } = await zizmor([file])
  expect(exitCode).not.toBe(0)
  expect(stdout).toContain('unpinned-uses')
})
