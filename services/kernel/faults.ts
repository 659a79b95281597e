// Points at which a test can kill the process, to check that no event is lost and no effect happens twice.

/** Kills this process when SHOP_FAULT is `name`. Bundles contain no fault points. */
export function faultPoint(name: string): void {
  if (process.env.SHOP_FAULT && process.env.SHOP_FAULT === name) {
    process.kill(process.pid, 'SIGKILL')
  }
}
