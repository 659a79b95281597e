// Hooks: scripts of the project that run before and after a deploy, switch or rollback, whatever the driver is.
import { stripVTControlCharacters } from 'node:util'
import type { HookName } from '../config/hooks.ts'
import type { Config } from '../config/schema.ts'
import { interrupted, isInterrupted, isRefused, refused, said } from '../errors.ts'
import type { HookRecord } from './hook-record.ts'
import { lastLines, programFailed } from './last-lines.ts'
import { checkScript } from './paths.ts'
import type { Events } from './ports/events.ts'
import type { Programs, Source } from './ports/project.ts'
import type { Clock, JournalStore, Progress } from './ports/session.ts'
import { idOf, type Operation } from './record.ts'
import type { Side } from './slot.ts'

/** What shopctl.yaml says of them. */
export interface HookSettings {
  scripts: Config['hooks']
  env: string
  namespace: string
  where: Config['where']
}

export interface HookPorts {
  hookSettings: HookSettings
  source: Source
  programs: Programs
  journal: JournalStore
  clock: Clock
  progress: Progress
  events: Events
  signal: AbortSignal
}

/** The command that a user runs. */
type HookVerb = 'deploy' | 'switch' | 'rollback' | 'release' | 'resume'

type Change = Pick<Operation, 'reason' | 'services'>

/** The hooks of one command. */
export interface Hooks {
  has(hook: 'pre-deploy' | 'pre-switch'): boolean
  /** Throws a refusal if the hook does not pass. Returns what its operation records. */
  before(
    hook: 'pre-deploy' | 'pre-switch',
    change: Change,
    signal: AbortSignal,
  ): Promise<Pick<Operation, 'hooks'>>
  /** Runs the hooks of the operations that are done by now. It never throws. */
  after(signal: AbortSignal): Promise<void>
}

/** What a command gets that has hooks. */
export interface Hooked {
  hooks: Hooks
}

interface HookFacts {
  hook: HookName
  verb: HookVerb
  change: Change
  /** `r-41`; null: there is none, or not yet. */
  release: string | null
  /** null: nothing has failed. */
  error: unknown
}

/** The hook that follows an operation. */
const following: Readonly<Partial<Record<Operation['verb'], HookName>>> = {
  deploy: 'post-deploy',
  switch: 'post-switch',
  rollback: 'post-rollback',
}

/**
 * Runs `work`, then the hooks of what it has done. They run without the lock, which a rollback may wait for. An operation
 * has ended by then, so that a command which is killed in a hook has done its work all the same.
 */
export async function withHooks<P extends HookPorts, T>(
  ports: P,
  verb: HookVerb,
  work: (ports: P & Hooked) => Promise<T>,
): Promise<T> {
  // A way back, or out of a half-way state, is not held up.
  if (verb !== 'rollback' && verb !== 'resume') await checkHooks(ports)
  /** By their numbers, as their last event has them. */
  const operations = new Map<number, Operation>()
  const events: Events = {
    emit(kind, payload) {
      if ('operation' in payload) operations.set(payload.operation.number, payload.operation)
      ports.events.emit(kind, payload)
    },
  }
  const hooks = hooksOf(ports, verb, operations)
  try {
    const result = await work({ ...ports, events, hooks })
    await hooks.after(ports.signal)
    return result
  } catch (error) {
    await hooks.after(ports.signal)
    const last = [...operations.values()].at(-1)
    if (last && !isRefused(error) && !isInterrupted(error))
      await runAfter(ports, factsOf('on-failure', verb, last, error), last, ports.signal)
    throw error
  }
}

/** Refused if a script is missing. */
export async function checkHooks({
  source,
  hookSettings,
}: Pick<HookPorts, 'source' | 'hookSettings'>): Promise<void> {
  for (const [hook, script] of Object.entries(hookSettings.scripts))
    if (script !== undefined) await checkScript(source, hookSettings, ['hooks', hook], script)
}

const whenTexts: Readonly<Record<string, string>> = {
  pre: 'runs first, and may refuse it',
  post: 'runs afterwards',
  on: 'runs if it fails',
}

/** What a plan says of the hooks, one line each. */
export function hookLines(
  { scripts }: Pick<HookSettings, 'scripts'>,
  verb: 'deploy' | 'switch' | 'rollback',
): string[] {
  const own: HookName[] = verb === 'rollback' ? ['post-rollback'] : [`pre-${verb}`, `post-${verb}`]
  return [...own, 'on-failure' as const].flatMap((hook) => {
    const [when = ''] = hook.split('-')
    const script = scripts[hook]
    return script === undefined ? [] : [`The hook ${hook} (${script}) ${whenTexts[when]}.`]
  })
}

function hooksOf(
  ports: HookPorts,
  verb: HookVerb,
  operations: ReadonlyMap<number, Operation>,
): Hooks {
  const handled = new Set<number>()
  const scriptOf = (hook: HookName): string | undefined =>
    // A rollback that deploys again waits for no hook.
    verb === 'rollback' && hook !== 'post-rollback' ? undefined : ports.hookSettings.scripts[hook]
  return {
    has: (hook) => scriptOf(hook) !== undefined,
    async before(hook, change, signal) {
      const script = scriptOf(hook)
      if (script === undefined) return {}
      const facts = { hook, verb, change, release: null, error: null }
      const record = await run(ports, facts, script, signal)
      if (signal.aborted) throw interrupted()
      if (!hasPassed(record)) throw hookRefused(record)
      return { hooks: [record] }
    },
    async after(signal) {
      for (const operation of operations.values()) {
        const hook = following[operation.verb]
        const isDue = operation.outcome === 'done' && !handled.has(operation.number)
        if (!isDue || !hook || scriptOf(hook) === undefined) continue
        handled.add(operation.number)
        await runAfter(ports, factsOf(hook, verb, operation, null), operation, signal)
      }
    },
  }
}

function factsOf(hook: HookName, verb: HookVerb, operation: Operation, error: unknown): HookFacts {
  return { hook, verb, change: operation, release: operation.release, error }
}

/** It undoes nothing: a hook that fails is a warning, here and in the record. */
async function runAfter(
  ports: HookPorts,
  facts: HookFacts,
  operation: Operation,
  signal: AbortSignal,
): Promise<void> {
  const script = ports.hookSettings.scripts[facts.hook]
  if (script === undefined) return
  const record = await run(ports, facts, script, signal)
  if (!hasPassed(record)) ports.progress.warn(problemOf(record).message)
  await keep(ports, operation, record)
}

/** Read again: the record may have got the restart of the old slots since it ended. */
async function keep(
  { journal, progress }: HookPorts,
  operation: Operation,
  record: HookRecord,
): Promise<void> {
  const { number, startedAt } = operation
  try {
    const { closed } = await journal.read()
    const found = closed.find((each) => each.number === number && each.startedAt === startedAt)
    if (found) await journal.amend({ ...found, hooks: [...(found.hooks ?? []), record] })
  } catch (error) {
    progress.warn(
      `The record of ${idOf(operation)} does not have its hook ${record.hook}: ${said(error)}`,
    )
  }
}

/** Shows the hook as a step, and then the output of one that has passed: that of another one is in its error. */
async function run(
  ports: HookPorts,
  facts: HookFacts,
  script: string,
  signal: AbortSignal,
): Promise<HookRecord> {
  const { progress } = ports
  const running = runScript(ports, facts, script, signal)
  const judge = async (): Promise<void> => {
    const record = await running
    if (!hasPassed(record)) throw new Error(problemOf(record).message)
  }
  await progress.step(`hook ${facts.hook} ${script}`, judge).catch(() => {})
  const record = await running
  if (hasPassed(record) && record.output !== '') progress.note(record.output)
  return record
}

/** Never throws. */
async function runScript(
  { programs, clock, hookSettings }: HookPorts,
  facts: HookFacts,
  script: string,
  signal: AbortSignal,
): Promise<HookRecord> {
  const from = clock.monotonic()
  const { exitCode, output } = await programs
    .hook(script, hookEnv(hookSettings, facts), signal)
    .catch((error) => ({ exitCode: null, output: said(error) }))
  const tookMs = Math.round(clock.monotonic() - from)
  return { hook: facts.hook, script, tookMs, exitCode, output: shownOutput(output) }
}

const mostLines = 20
const mostCharacters = 2_000

/** The last lines of a text, as the terminal and the journal show them: without logins and control characters. */
export function shownOutput(text: string): string {
  const plain = stripVTControlCharacters(text)
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\P{Cc}\n\t]/gu, '')
  const lines = lastLines(plain, mostLines).trim()
  return lines.length > mostCharacters ? `…${lines.slice(1 - mostCharacters)}` : lines
}

/** Each variable is set, so that a hook which runs another shopctl hands none of its own on. */
export function hookEnv(
  { env, namespace }: Pick<HookSettings, 'env' | 'namespace'>,
  { hook, verb, change: { reason, services }, release, error }: HookFacts,
): Record<string, string> {
  const changes = services.map(({ name, from, to }) => [
    name,
    { from: from && sideOf(from), to: to && sideOf(to) },
  ])
  return {
    SHOPCTL_HOOK: hook,
    SHOPCTL_VERB: verb,
    SHOPCTL_ENV: env,
    SHOPCTL_NAMESPACE: namespace,
    SHOPCTL_RELEASE: release ?? '',
    SHOPCTL_REASON: reason ?? '',
    SHOPCTL_SERVICES: services.map(({ name }) => name).join(),
    SHOPCTL_CHANGES: JSON.stringify(Object.fromEntries(changes)),
    SHOPCTL_ERROR: error === null ? '' : shownOutput(said(error)),
  }
}

function sideOf({ color, digest, version, revision }: Side): Side {
  return { color, digest, version, revision }
}

function hasPassed({ exitCode }: HookRecord): boolean {
  return exitCode === 0
}

function problemOf({ hook, script, exitCode, output }: HookRecord, hint = '') {
  const what = `The hook ${hook} (${script})`
  if (exitCode !== null) return programFailed(what, { exitCode, output }, hint)
  return { message: `${what} did not run to its end: ${output}`, hint }
}

/** Before any change, so that exit status 2 is right whatever the script ended with. */
function hookRefused(record: HookRecord): Error {
  const hint = `The hook has to end with exit code 0. Do what it says, or change \`hooks.${record.hook}\` in shopctl.yaml.`
  return refused({ code: 'hook-refused', ...problemOf(record, hint) })
}
