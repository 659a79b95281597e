// The file for the events of a command: one JSON document a line, appended.
import { constants, openSync, writeFileSync } from 'node:fs'
import { refused, said } from '../errors.ts'
import type { Event } from '../release/ports/events.ts'

export const eventsVariable = 'SHOPCTL_EVENTS_FILE'

/** Without it, a named pipe that nobody reads would stop the command for good. */
const neverWait = constants.O_NONBLOCK

/**
 * Refused if `path` cannot be written. After a later failure, such as a full disk, `warn` is called once, and the rest
 * of the events are lost: the command goes on.
 */
export function openEventsFile(
  path: string,
  warn: (problem: string) => void,
): (event: Event) => void {
  const { O_APPEND, O_CREAT, O_WRONLY } = constants
  let file: number | null = openToWrite(path, O_APPEND | O_CREAT | O_WRONLY | neverWait)
  return (event) => {
    if (file === null) return
    try {
      writeFileSync(file, `${JSON.stringify(event)}\n`)
    } catch (error) {
      file = null
      warn(`${path} has no more events of this command: ${said(error)}`)
    }
  }
}

function openToWrite(path: string, flags: number): number {
  try {
    return openSync(path, flags, 0o644)
  } catch (cause) {
    throw refused({
      code: 'events-file',
      message: `The events cannot be written to ${path}: ${said(cause)}`,
      hint: `Set ${eventsVariable} to a file that you can write, or unset it.`,
      cause,
    })
  }
}
