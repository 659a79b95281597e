// Merges what each service knows of the same order, from streams that are sorted by its id, one order at a time.
export interface Entry {
  id: string
  [field: string]: unknown
}

/** The entries of one order. A service that does not know the order has none. */
export interface Group<Name extends string> {
  id: string
  entries: Record<Name, Entry[]>
}

/** Parses NDJSON. Throws when a line is truncated or has no id, or when the ids are not sorted. */
export async function* parseEntries(
  name: string,
  lines: AsyncIterable<string>,
): AsyncGenerator<Entry, void> {
  let previous = ''
  for await (const line of lines) {
    if (line === '') continue
    const entry = parse(name, line)
    if (entry.id < previous) throw new Error(`${name} is not sorted at ${entry.id}`)
    previous = entry.id
    yield entry
  }
}

function parse(name: string, line: string): Entry {
  try {
    const entry = JSON.parse(line) as Entry | null
    if (typeof entry?.id === 'string') return entry
  } catch {
    // The error below shows the line.
  }
  throw new Error(`${name} has a line that is not an entry: ${line.slice(0, 80)}`)
}

/** Merges sorted streams. Keeps only one entry of each in memory. */
export async function* mergeById<Name extends string>(
  streams: Record<Name, AsyncIterator<Entry, unknown>>,
): AsyncGenerator<Group<Name>, void> {
  const names = Object.keys(streams) as Name[]
  const heads = new Map<Name, Entry>()
  const advance = async (name: Name): Promise<void> => {
    const { done, value } = await streams[name].next()
    if (done) heads.delete(name)
    else heads.set(name, value)
  }
  for (const name of names) await advance(name)
  while (heads.size > 0) {
    const ids = [...heads.values()].map((entry) => entry.id)
    const [id = ''] = ids.toSorted((one, other) => (one < other ? -1 : 1))
    const entries = {} as Record<Name, Entry[]>
    for (const name of names) {
      entries[name] = []
      for (let head = heads.get(name); head?.id === id; head = heads.get(name)) {
        entries[name].push(head)
        await advance(name)
      }
    }
    yield { id, entries }
  }
}
