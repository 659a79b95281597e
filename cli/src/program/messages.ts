// `messages`: stuck messages.
import type { Command } from 'commander'
import { addChange, addServicesVerb, type ChangeFlags, changeOf } from './options.ts'
import type { Runner } from './runner.ts'

interface ChoiceFlags extends ChangeFlags {
  all?: true
}

export function addMessages(program: Command, { inEnvironment }: Runner): void {
  const messages = program
    .command('messages')
    .description('stuck messages: list, show, replay, discard')
  addServicesVerb(messages, 'list', 'list messages that are parked, retrying or unroutable').action(
    async (_, command) => {
      const { messagesListCommand } = await import('../commands/messages.ts')
      await inEnvironment(command, messagesListCommand)
    },
  )
  addServicesVerb(messages, 'show', 'show one message with its event')
    .argument('<id>', 'id of the message, from `messages list`')
    .option('--reveal', 'show values that the service marks as sensitive')
    .action(async (id: string, flags: { reveal?: true }, command) => {
      const { messagesShowCommand } = await import('../commands/messages.ts')
      const input = { id, reveal: flags.reveal === true }
      await inEnvironment(command, (context) => messagesShowCommand(context, input))
    })
  addChoice(messages, 'replay', 'send parked messages to their service again').action(
    async (ids: string[], flags: ChoiceFlags, command) => {
      const input = choiceOf(ids, flags, command)
      const { messagesReplayCommand } = await import('../commands/messages.ts')
      await inEnvironment(command, (context) => messagesReplayCommand(context, input))
    },
  )
  addChoice(messages, 'discard', 'delete parked messages for good').action(
    async (ids: string[], flags: ChoiceFlags, command) => {
      const input = choiceOf(ids, flags, command)
      const { messagesDiscardCommand } = await import('../commands/messages.ts')
      await inEnvironment(command, (context) => messagesDiscardCommand(context, input))
    },
  )
}

function addChoice(messages: Command, name: string, description: string): Command {
  return addChange(messages, name, description, 'in the log of the pods')
    .argument('[ids...]', 'ids of the messages, from `messages list`')
    .option('--all', 'all parked messages')
}

/** `ids` null: all parked messages. */
function choiceOf(ids: string[], flags: ChoiceFlags, command: Command) {
  if (flags.all ? ids.length > 0 : ids.length === 0)
    command.error('Give either ids or --all.\n(Run `shopctl messages list` to see the ids.)')
  return { ...changeOf(flags), ids: flags.all ? null : ids }
}
