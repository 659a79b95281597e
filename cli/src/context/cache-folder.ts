// shopctl's folder below the user's cache directory.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { refused } from '../errors.ts'

/** Node throws for a uid without HOME and without an entry in /etc/passwd. */
export function cacheFolder(): string {
  try {
    return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl')
  } catch (cause) {
    throw refused({
      code: 'no-home',
      message: 'You have no home folder: HOME is not set.',
      hint: 'Set HOME or XDG_CACHE_HOME to a folder of yours, then run the command again.',
      cause,
    })
  }
}
