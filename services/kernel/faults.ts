// Places where a test can kill the process, to see that nothing is lost or doubled there.

export type FaultPoint =
  | 'write.before-commit'
  | 'write.after-commit'
  | 'relay.published'
  | 'relay.confirmed'
  | 'inbox.handled'
  | 'payment.intended'
  | 'payment.captured'

/** Kills this process when SHOP_FAULT names the point; in a bundle there is nothing left of it. */
export function faultPoint(name: FaultPoint): void {
  if (process.env.SHOP_FAULT && process.env.SHOP_FAULT === name) {
    process.kill(process.pid, 'SIGKILL')
  }
}
