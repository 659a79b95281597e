// The list of causes, as scripts read it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { byLikelihood, causes } from '../../../src/inspect/diagnosis/causes.ts'

it('is what CONTRACT.md says', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../CONTRACT.md'), 'utf8')
  const [, section = ''] = /### Diagnosis\n([\s\S]*?)\n### /.exec(page) ?? []
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  const named = rows.flatMap((row) => [...row.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name))
  expect(named.toSorted()).toEqual([...causes].toSorted())
})

it('puts what keeps a container from starting before what is only seen', () => {
  const found = [{ cause: 'alert' }, { cause: 'quota' }, { cause: 'crash' }] as const
  expect(found.toSorted(byLikelihood).map(({ cause }) => cause)).toEqual([
    'crash',
    'quota',
    'alert',
  ])
})
