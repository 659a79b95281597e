// What each service knows of the same order, brought together from streams that are sorted by order; one order at a time.
export interface Line {
  orderId: string
  [field: string]: unknown
}

/** The lines of one order; a service that knows nothing of it has none. */
export interface Group<Name extends string> {
  orderId: string
  lines: Record<Name, Line[]>
}

/** Parses NDJSON; a line that is cut off or is none of an order's is an error. */
export async function* parseLines(
  name: string,
  texts: AsyncIterable<string>,
): AsyncGenerator<Line, void> {
  let previous = ''
  for await (const text of texts) {
    if (text === '') continue
    const line = parse(name, text)
    if (line.orderId < previous) throw new Error(`${name} is not sorted at ${line.orderId}`)
    previous = line.orderId
    yield line
  }
}

function parse(name: string, text: string): Line {
  try {
    const line = JSON.parse(text) as Line | null
    if (typeof line?.orderId === 'string') return line
  } catch {
    // Told below, with the line.
  }
  throw new Error(`${name} has a line that is not an order's: ${text.slice(0, 80)}`)
}

/** Merges sorted streams; holds one line of each in memory. */
export async function* mergeByOrder<Name extends string>(
  streams: Record<Name, AsyncIterator<Line, unknown>>,
): AsyncGenerator<Group<Name>, void> {
  const names = Object.keys(streams) as Name[]
  const heads = new Map<Name, Line>()
  const advance = async (name: Name): Promise<void> => {
    const { done, value } = await streams[name].next()
    if (done) heads.delete(name)
    else heads.set(name, value)
  }
  for (const name of names) await advance(name)
  while (heads.size > 0) {
    const [orderId = ''] = [...heads.values()].map((line) => line.orderId).sort()
    const lines = {} as Record<Name, Line[]>
    for (const name of names) {
      lines[name] = []
      for (let head = heads.get(name); head?.orderId === orderId; head = heads.get(name)) {
        lines[name].push(head)
        await advance(name)
      }
    }
    yield { orderId, lines }
  }
}
