// The kinds of operations, and how they end. The command tree imports it at each start, so it imports nothing itself.

export const verbs = [
  'deploy',
  'smoke',
  'switch',
  'rollback',
  'cleanup',
  'lock',
  'unlock',
  'hold-release',
] as const

/** `undone`: a switch that was put back. `interrupted`: the command ended before the operation was complete. */
export const outcomes = ['done', 'failed', 'undone', 'interrupted'] as const
