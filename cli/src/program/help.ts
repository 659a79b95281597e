// Formats the help for any width of the terminal.
import { styleText } from 'node:util'
import { type Command, Help, type HelpConfiguration } from 'commander'

const indent = 2
/** A description with less room than this goes below its name. */
const narrowest = 28

export const helpFormat: HelpConfiguration = {
  minWidthToWrap: 1,
  styleTitle: (title) => styleText('bold', title, { validateStream: false }),
  commandUsage(this: Help, command: Command) {
    const usage = Help.prototype.commandUsage.call(this, command)
    const title = 'Usage: '.length
    return this.boxWrap(usage, (this.helpWidth ?? 80) - title).replaceAll(
      '\n',
      `\n${' '.repeat(title)}`,
    )
  },
  formatItem(this: Help, term: string, termWidth: number, description: string, help: Help) {
    const width = this.helpWidth ?? 80
    if (!description || width - termWidth - 2 * indent >= narrowest)
      return Help.prototype.formatItem.call(this, term, termWidth, description, help)
    const below = ' '.repeat(3 * indent)
    const text = help.boxWrap(description, width - below.length).replaceAll('\n', `\n${below}`)
    return `${' '.repeat(indent)}${term}\n${below}${text}`
  },
}
