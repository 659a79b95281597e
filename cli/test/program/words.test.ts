// What the command line takes as text and as numbers: one rule for all commands.
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { createProgram } from '../../src/program/program.ts'

interface Given {
  /** The name of an option or an argument. */
  taker: string
  argv: (text: string) => string[]
}

/** Each option and argument that takes text, of all commands. */
function takersOf(command: Command, path: string[]): Given[] {
  const given = command.registeredArguments
  // Commander asks for these before it looks at arguments.
  const needed = command.options
    .filter(({ mandatory }) => mandatory)
    .flatMap(({ long }) => [`${long}`, 'x'])
  const own: Given[] = [
    ...command.options
      .filter(({ required, optional }) => required || optional)
      .map(({ long }) => ({
        taker: `${long}`,
        argv: (text: string) => [...path, ...given.map(() => 'x'), `${long}`, text],
      })),
    ...given.map((argument, index) => ({
      taker: argument.name(),
      argv: (text: string) => [
        ...path,
        ...given.map((_, at) => (at === index ? text : 'x')),
        ...needed,
      ],
    })),
    ...given
      .filter(({ variadic }) => variadic)
      .map((argument) => ({
        taker: argument.name(),
        argv: (text: string) => [...path, 'x', text, 'y', ...needed],
      })),
  ]
  return [...own, ...command.commands.flatMap((each) => takersOf(each, [...path, each.name()]))]
}

/** `ran` gets the words and the options of the command that ran. */
function aProgram(ran: (command: Command) => void = () => {}): Command {
  const run = async (command: Command) => ran(command)
  const { signal } = new AbortController()
  return createProgram({ inEnvironment: run, onPlatform: run }, signal)
}

async function refusalOf(argv: string[]): Promise<string> {
  let hasRun = false
  const program = aProgram(() => {
    hasRun = true
  })
  const said = await program.parseAsync(argv, { from: 'user' }).then(
    () => '',
    (error) => error.message,
  )
  return hasRun ? 'it ran' : said
}

const all = takersOf(aProgram(), [])

it('there are many that take text', () => {
  expect(all.length).toBeGreaterThan(60)
})

it.each(all.map(({ taker, argv }) => [argv('').join(' '), taker, argv] as const))(
  '%s: blank text is refused',
  async (_, taker, argv) => {
    for (const text of ['', '  ', '\t']) {
      const refusal = await refusalOf(argv(text))
      expect(refusal).toContain(taker)
      expect(refusal).toContain(`'${text}' is invalid`)
    }
  },
)

it('text is trimmed', async () => {
  let seen: Command | undefined
  const program = aProgram((command) => {
    seen = command
  })
  const argv = ['messages', 'replay', ' a', 'b ', '--reason', ' late  mail ', '--env', 'test ']
  await program.parseAsync(argv, { from: 'user' })
  expect(seen?.processedArgs).toEqual([['a', 'b']])
  expect(seen?.opts()).toMatchObject({ reason: 'late  mail', env: 'test' })
})

const numbers = [
  ['history', '--limit'],
  ['platform', 'logs', '--tail'],
  ['audit', '--wait'],
  ['switch', '--timeout'],
  ['release', '--deploy-timeout'],
  ['platform', 'up', '--timeout'],
]
it.each(numbers.map((words) => [words.join(' '), words] as const))(
  '%s takes plain digits',
  async (_, words) => {
    for (const text of ['3', ' 3', '03']) expect(await refusalOf([...words, text])).toBe('it ran')
    const odd = ['0x10', '1e3', '1e999', '+3', '-3', '3m', '3_000', '3,5', 'NaN', 'Infinity', '٣']
    for (const text of odd)
      expect(await refusalOf([...words, text])).toMatch(/Expected a (whole )?number/)
    expect(await refusalOf([...words, '9'.repeat(21)])).toMatch(/Expected at most \d+\.$/)
  },
)
