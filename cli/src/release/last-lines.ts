// What is worth showing of a program's output when it failed.

/** The end of it, without the lines of stack traces, which say nothing to who did not write it. */
export function lastLines(text: string, count: number): string {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => !/^\s+at .+:\d+:\d+\)?$/.test(line))
    .slice(-count)
    .join('\n')
}
