// One run answers all who ask meanwhile.

/**
 * Runs `work` once at a time. Each answer is of a run that began after its question, because a run that is in progress may
 * have missed a change.
 */
export function coalesce<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null
  let next: Promise<T> | null = null

  function ask(): Promise<T> {
    if (running) {
      next ??= running.then(askNext, askNext)
      return next
    }
    running = work().finally(() => {
      running = null
    })
    return running
  }

  function askNext(): Promise<T> {
    next = null
    return ask()
  }

  return ask
}
