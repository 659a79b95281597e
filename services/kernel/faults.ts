// Points at which a test can kill the process, to check that nothing is lost or done twice.

/** Kills this process when SHOP_FAULT is `name`. The bundle contains no such point. */
export function faultPoint(name: string): void {
  if (process.env.SHOP_FAULT && process.env.SHOP_FAULT === name) {
    process.kill(process.pid, 'SIGKILL')
  }
}
