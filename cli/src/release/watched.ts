// Notes whether a command has changed anything, for an error that follows.
import type { Contents, Namespace } from './ports/cluster.ts'
import type { Driver } from './ports/driver.ts'

/** The same driver. It calls `changed` after each change. */
export function watchedDriver(driver: Driver, changed: () => void): Driver {
  return {
    ...driver,
    confirm: notingTrue(driver.confirm, changed),
    install: noting(driver.install, changed),
    scaleSlots: notingSome(driver.scaleSlots, changed),
    writeSlots: notingSome(driver.writeSlots, changed),
    movePointers: notingSome(driver.movePointers, changed),
    removeSlots: notingSome(driver.removeSlots, changed),
    putBack: notingSome(driver.putBack, changed),
  }
}

interface ChangingPorts {
  contents: Contents
  driver: Driver
  namespace: Namespace
}

export function watched<P extends ChangingPorts>(ports: P, changed: () => void): P {
  const { contents, driver, namespace } = ports
  return {
    ...ports,
    contents: { ...contents, copy: notingTrue(contents.copy, changed) },
    driver: watchedDriver(driver, changed),
    namespace: {
      ...namespace,
      addToSecret: noting(namespace.addToSecret, changed),
      async label(labels, options) {
        const warnings = await namespace.label(labels, options)
        if (warnings !== null && !options.dryRun) changed()
        return warnings
      },
    },
  }
}

type Call<A extends unknown[], R> = (...args: A) => Promise<R>

function noting<A extends unknown[], R>(run: Call<A, R>, changed: () => void): Call<A, R> {
  return async (...args) => {
    const result = await run(...args)
    changed()
    return result
  }
}

/** `run` returns whether it has changed anything. */
function notingTrue<A extends unknown[]>(
  run: Call<A, boolean>,
  changed: () => void,
): Call<A, boolean> {
  return async (...args) => {
    const isChanged = await run(...args)
    if (isChanged) changed()
    return isChanged
  }
}

function notingSome<A extends unknown[], R>(
  run: Call<A, PromiseSettledResult<R>[]>,
  changed: () => void,
): Call<A, PromiseSettledResult<R>[]> {
  return async (...args) => {
    const results = await run(...args)
    if (results.some(({ status }) => status === 'fulfilled')) changed()
    return results
  }
}
