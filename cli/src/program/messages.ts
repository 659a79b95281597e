// `messages`: events that got stuck.
import type { Command } from 'commander'
import { addChange, addServicesVerb, type ChangeFlags, changeOf } from './options.ts'
import type { Runner } from './runner.ts'

interface ChoiceFlags extends ChangeFlags {
  all?: true
}

export function addMessages(program: Command, { inEnvironment }: Runner): void {
  const messages = program
    .command('messages')
    .description('events that got stuck: list, show, replay, discard')
  addServicesVerb(
    messages,
    'list',
    'those that are parked, tried again, or that nobody takes',
  ).action(async (_, command) => {
    const { messagesListCommand } = await import('../commands/messages.ts')
    await inEnvironment(command, messagesListCommand)
  })
  addServicesVerb(messages, 'show', 'one of them, with its event')
    .argument('<id>', 'as `messages list` shows it')
    .option('--reveal', 'what the service marked as sensitive, too')
    .action(async (id: string, flags: { reveal?: true }, command) => {
      const { messagesShowCommand } = await import('../commands/messages.ts')
      const input = { id, reveal: flags.reveal === true }
      await inEnvironment(command, (context) => messagesShowCommand(context, input))
    })
  addChoice(messages, 'replay', 'send parked ones to their service once more').action(
    async (ids: string[], flags: ChoiceFlags, command) => {
      const input = choiceOf(ids, flags, command)
      const { messagesReplayCommand } = await import('../commands/messages.ts')
      await inEnvironment(command, (context) => messagesReplayCommand(context, input))
    },
  )
  addChoice(messages, 'discard', 'give parked ones up, for good').action(
    async (ids: string[], flags: ChoiceFlags, command) => {
      const input = choiceOf(ids, flags, command)
      const { messagesDiscardCommand } = await import('../commands/messages.ts')
      await inEnvironment(command, (context) => messagesDiscardCommand(context, input))
    },
  )
}

function addChoice(messages: Command, name: string, description: string): Command {
  return addChange(messages, name, description)
    .argument('[ids...]', 'as `messages list` shows them')
    .option('--all', 'all that are parked')
}

/** `ids` null: all. */
function choiceOf(ids: string[], flags: ChoiceFlags, command: Command) {
  if (flags.all ? ids.length > 0 : ids.length === 0)
    command.error('error: either ids or --all have to be given')
  return { ...changeOf(flags), ids: flags.all ? null : ids }
}
