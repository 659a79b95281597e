// The options that commands share, and how their values are read.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Color, colors } from '../release/state.ts'

/** What the records say of a change, and whether to ask before it. */
export interface ChangeFlags {
  reason?: string
  yes?: true
}

export interface ColorFlag {
  color?: Color
}

/** A command of its own environment. */
export function addVerb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--env <name>', 'environment of shopctl.yaml', 'local')
    .option('--json', 'one JSON document on stdout')
    .option('--verbose', 'stacks of errors')
}

/** A command that can be narrowed to some services. */
export function addServicesVerb(parent: Command, name: string, description: string): Command {
  return addVerb(parent, name, description).option(
    '--service <names>',
    'only these services: repeat it, or separate them by commas',
    list,
  )
}

/** A command that changes the environment. */
export function addChange(parent: Command, name: string, description: string): Command {
  return addServicesVerb(parent, name, description)
    .option('--reason <text>', 'why, for the records')
    .option('--yes', 'do not ask in a protected environment')
}

export function changeOf({ reason, yes }: ChangeFlags): { reason: string | null; yes: boolean } {
  return { reason: reason ?? null, yes: yes === true }
}

export function colorOption(does: string): Option {
  return new Option(
    '--color <color>',
    `${does}, refused where it is live (default: each service's standby)`,
  ).choices([...colors])
}

export function deployTimeout(flag: string): Option {
  return new Option(`${flag} <seconds>`, 'how long a slot may take to become ready')
    .argParser(seconds)
    .default(180)
}

export function switchTimeout(): Option {
  return new Option('--timeout <seconds>', 'how long a slot may take to take over')
    .argParser(seconds)
    .default(10)
}

function list(value: string, before: string[] = []): string[] {
  const names = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  // An empty variable of a script would otherwise stand for no service, and be done at once.
  if (names.length === 0) throw new InvalidArgumentError('Expected a name.')
  return [...before, ...names]
}

/** A timer of Node counts milliseconds in 32 bits; above, it would fire at once. */
const mostSeconds = 2_147_483

export function seconds(value: string): number {
  const number = Number(value.replace(/s$/, ''))
  if (!(number > 0)) throw new InvalidArgumentError('Expected a number of seconds above 0.')
  if (number > mostSeconds) throw new InvalidArgumentError(`Expected at most ${mostSeconds}.`)
  return number
}

export function wholeNumber(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(value)
}

export function positiveNumber(value: string): number {
  const number = wholeNumber(value)
  if (number === 0) throw new InvalidArgumentError('Expected a whole number above 0.')
  return number
}
