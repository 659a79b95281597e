// How a handler says why it cannot handle an event. Any other error is a failed attempt of the event.

/** Another system does not answer, or takes nothing from us. Its events wait until it is back. */
export class Away extends Error {
  override readonly name = 'Away'
  /** As long as the other system asks us to wait. */
  readonly retryAfterMs: number

  constructor(message: string, { retryAfterMs = 0, cause }: AwayOptions = {}) {
    super(message, { cause })
    this.retryAfterMs = retryAfterMs
  }
}

interface AwayOptions {
  retryAfterMs?: number
  cause?: unknown
}

/** Another system will take this event later, and takes others now. */
export class NotYet extends Error {
  override readonly name = 'NotYet'
}

/** Another attempt cannot succeed. */
export class Poison extends Error {
  override readonly name = 'Poison'
}
