// Several runs of vitest that share a terminal: each test is printed when it ends, and whatever else a run says in one
// piece at its end.

/** A test, as the reporter `verbose` prints it where there are several projects. */
const aTest = /^ [✓×↓] \|/

export interface Turns {
  line(text: string): void
  end(): void
}

/** For the output of one run. */
export function createTurns(print: (text: string) => void): Turns {
  const kept: string[] = []
  return {
    line(text) {
      if (aTest.test(text)) print(text)
      else kept.push(text)
    },
    end() {
      if (kept.length > 0) print(kept.join('\n'))
    },
  }
}
