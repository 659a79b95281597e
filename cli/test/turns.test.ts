import { expect, it } from 'vitest'
import { createTurns } from './turns.ts'

it('two runs share a terminal: tests as they end, and what each has to say in one piece', () => {
  const printed: string[] = []
  const print = (text: string): void => void printed.push(text)
  const [one, two] = [createTurns(print), createTurns(print)]
  one.line(' RUN  v5.1.1 /shop')
  one.line(' ✓ |unit| a.test.ts > adds 1ms')
  two.line(' RUN  v5.1.1 /shop')
  two.line(' × |services| b.test.ts > stores 8ms')
  two.line('   → expected 1 to be 2')
  one.line(' ↓ |unit| a.test.ts > is skipped')
  two.line(' FAIL  |services| b.test.ts > stores')
  two.end()
  one.line(' ✓ |unit| c.test.ts > ends last 1ms')
  one.end()
  expect(printed).toEqual([
    ' ✓ |unit| a.test.ts > adds 1ms',
    ' × |services| b.test.ts > stores 8ms',
    ' ↓ |unit| a.test.ts > is skipped',
    ' RUN  v5.1.1 /shop\n   → expected 1 to be 2\n FAIL  |services| b.test.ts > stores',
    ' ✓ |unit| c.test.ts > ends last 1ms',
    ' RUN  v5.1.1 /shop',
  ])
})

it('a run that says nothing but its tests ends without an empty line', () => {
  const printed: string[] = []
  createTurns((text) => printed.push(text)).end()
  expect(printed).toEqual([])
})
