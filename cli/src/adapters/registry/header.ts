// Reads a header piece by piece. One pattern for a whole header would take exponential time for some.

export interface HeaderReader {
  /** What matches here, and goes on behind it. null: nothing does. The pattern is sticky. */
  read(pattern: RegExp): RegExpExecArray | null
  /** Whether the pattern matches here. */
  isAt(pattern: RegExp): boolean
}

export function readHeader(header: string): HeaderReader {
  let position = 0
  const find = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position
    return pattern.exec(header)
  }
  return {
    read(pattern) {
      const found = find(pattern)
      if (found) position = pattern.lastIndex
      return found
    },
    isAt: (pattern) => find(pattern) !== null,
  }
}
