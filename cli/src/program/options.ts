// The options that commands share, and the parsers of their values.
import { type Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { mostSeconds, spanMs } from '../config/span.ts'
import { type Color, colors } from '../release/slot.ts'

/** The flags of a command that changes an environment. */
export interface ChangeFlags {
  reason?: string
  yes?: true
}

/** The flag of a command that takes the lock. */
export interface LockFlag {
  /** Milliseconds. */
  lockWait?: number
}

/** The flags of a command that a freeze refuses. */
export interface FreezeFlags {
  overrideFreeze?: true
  reason?: string
}

export interface ColorFlag {
  color?: Color
}

/** A command in an environment. */
export function addVerb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--env <name>', 'environment of shopctl.yaml', 'local')
    .option('--json', 'print one JSON document on stdout')
    .option('--verbose', 'print the stacks of errors')
}

/** A command that --service can limit to some services. */
export function addServicesVerb(parent: Command, name: string, description: string): Command {
  return addVerb(parent, name, description).option(
    '--service <names>',
    'only these services: separate names by commas, or repeat the option',
    list,
  )
}

/** A command that changes the environment: it asks for a confirmation if that is protected. `kept`: where the reason is. */
export function addChange(
  parent: Command,
  name: string,
  description: string,
  kept = 'in the journal',
): Command {
  return addConfirmed(addServicesVerb(parent, name, description), kept)
}

/** A change that is of all services in any case. */
export function addWholeChange(parent: Command, name: string, description: string): Command {
  return addConfirmed(addVerb(parent, name, description), 'in the journal')
}

function addConfirmed(command: Command, kept: string): Command {
  return command
    .option('--yes', 'skip the confirmation in a protected environment')
    .option('--reason <text>', `reason, kept ${kept}`)
}

export function changeOf({ reason, yes }: ChangeFlags): { reason: string | null; yes: boolean } {
  return { reason: reason ?? null, yes: yes === true }
}

export function lockWait(byDefault = 'not at all'): Option {
  return new Option(
    '--lock-wait <span>',
    `how long to wait while somebody else holds the lock, such as 30s or 10m (default: ${byDefault})`,
  ).argParser(timeSpan)
}

export function lockOf({ lockWait }: LockFlag): { lockWaitMs: number | null } {
  return { lockWaitMs: lockWait ?? null }
}

export function overrideFreeze(): Option {
  return new Option('--override-freeze', 'go on during a freeze of shopctl.yaml; needs --reason')
}

/** The journal keeps the reason. */
export function freezeOf(
  { overrideFreeze, reason }: FreezeFlags,
  command: Command,
): { overrideFreeze: boolean } {
  if (overrideFreeze && !reason) command.error("--override-freeze needs --reason '…'")
  return { overrideFreeze: overrideFreeze === true }
}

export function dryRunOption(what: string): Option {
  return new Option('--dry-run', `show ${what}, and change nothing`)
}

export function colorOption(does: string): Option {
  return new Option(
    '--color <color>',
    `${does}; refused where it is live (default: the standby slot of each service)`,
  ).choices([...colors])
}

export function deployTimeout(flag: string): Option {
  return new Option(`${flag} <seconds>`, 'how long to wait until a slot is ready')
    .argParser(seconds)
    .default(180)
}

export function noProbe(): Option {
  return new Option('--no-probe', 'move without requests through the edge, so without their proof')
}

/** Longer than the servers of the shop keep an idle connection: 72 s. */
export function idleTimeout(): Option {
  return new Option('--timeout <seconds>', 'how long to wait until nobody uses the slots')
    .argParser(seconds)
    .default(120)
}

export function watchOption(): Option {
  return new Option(
    '--watch <span>',
    'how long to judge the new version, and roll it back if it is bad, such as 5m; 0: not at all (default: `watch` of shopctl.yaml; else 5m in a protected environment)',
  ).argParser(spanOrNone)
}

export function switchTimeout(): Option {
  return new Option('--timeout <seconds>', 'how long to wait until a slot takes over')
    .argParser(seconds)
    .default(10)
}

/** Trims each text of the command line. Blank text is refused: an unset variable of a script must not pass as none. */
export function refuseBlank(command: Command): void {
  for (const option of command.options) if (option.required || option.optional) trimmed(option)
  for (const argument of command.registeredArguments) trimmed(argument)
  for (const each of command.commands) refuseBlank(each)
}

function trimmed(taker: Option | Argument): void {
  const { parseArg, variadic } = taker
  taker.argParser((value: string, before: unknown) => {
    const text = value.trim()
    if (parseArg) return parseArg(text, before)
    if (text === '') throw new InvalidArgumentError('Expected a value.')
    return variadic ? [...((before as string[] | undefined) ?? []), text] : text
  })
}

const digestPattern = /^sha256:[0-9a-f]{64}$/

/** The digest of each service, as `push` hands them to a later step of a workflow. */
export function digests(value: string): Record<string, string> {
  const expected = 'Expected JSON such as {"order":"sha256:…"}.'
  let map: unknown
  try {
    map = JSON.parse(value)
  } catch {
    throw new InvalidArgumentError(expected)
  }
  const entries = Object.entries(map ?? {})
  const isMap = typeof map === 'object' && !Array.isArray(map) && entries.length > 0
  const isDigest = (value: unknown) => typeof value === 'string' && digestPattern.test(value)
  if (!isMap || !entries.every(([, value]) => isDigest(value)))
    throw new InvalidArgumentError(expected)
  return Object.fromEntries(entries)
}

const digestStart = /^sha256:[0-9a-f]{12,64}$/

/** Whether it is a digest, or its first twelve digits or more. */
export function isDigestStart(value: string): boolean {
  return digestStart.test(value)
}

/** Some of these values: by commas, or the option repeated. */
export function someOf<T extends string>(known: readonly T[]) {
  return (value: string, before: readonly T[] = []): T[] => {
    const wanted = list(value)
    const found = known.filter((each) => wanted.includes(each))
    const other = wanted.find((each) => !(known as readonly string[]).includes(each))
    if (other !== undefined)
      throw new InvalidArgumentError(`Expected some of ${known.join(', ')}, not ${other}.`)
    return [...before, ...found]
  }
}

function list(value: string, before: string[] = []): string[] {
  const names = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  // An empty variable in a script must not mean "no services": the command would do nothing and succeed.
  if (names.length === 0) throw new InvalidArgumentError('Expected a name.')
  return [...before, ...names]
}

/** A larger number may lose digits. */
const mostOf = 999_999_999_999_999

/** `1e9`, `0x10` and `+3` are numbers for JavaScript only. */
const plain = { whole: /^\d+$/, seconds: /^(\d+(?:\.\d+)?)s?$/ }

export function seconds(value: string): number {
  const number = Number(plain.seconds.exec(value)?.[1] ?? 0)
  if (number === 0)
    throw new InvalidArgumentError('Expected a number of seconds above 0, such as 90, 90s or 0.5.')
  return atMost(mostSeconds, number)
}

/** `10m`, `90s`, `2h`, `3d`: milliseconds. */
export function timeSpan(value: string): number {
  const ms = spanMs(value)
  // A date must be possible before it.
  if (ms === 0 || ms > mostSeconds * 1_000)
    throw new InvalidArgumentError('Expected a time span, such as 30s, 10m, 2h or 3d.')
  return ms
}

/** Likewise, or 0. */
export function spanOrNone(value: string): number {
  return value === '0' ? 0 : timeSpan(value)
}

export function wholeNumber(value: string): number {
  if (!plain.whole.test(value))
    throw new InvalidArgumentError('Expected a whole number, such as 20.')
  return atMost(mostOf, Number(value))
}

export function positiveNumber(value: string): number {
  const number = wholeNumber(value)
  if (number === 0) throw new InvalidArgumentError('Expected a whole number above 0.')
  return number
}

/** Lines are kept in memory until they are in order. */
export function logLimit(value: string): number {
  return atMost(10_000, positiveNumber(value))
}

function atMost(most: number, number: number): number {
  if (number > most) throw new InvalidArgumentError(`Expected at most ${most}.`)
  return number
}
