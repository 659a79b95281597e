// The journal of an environment: one ConfigMap for the open operation, and one for each ended operation.
import type { V1ConfigMap, V1ConfigMapList } from '@kubernetes/client-node'
import { failed } from '../../errors.ts'
import type { JournalStore } from '../../release/ports/session.ts'
import {
  emptyJournal,
  isMove,
  type Journal,
  type Operation,
  operationSchema,
  operationsOf,
  releaseNumber,
} from '../../release/record.ts'
import { slotName } from '../../release/slot.ts'
import { parseJson } from '../json.ts'
import { isConflict, type KubernetesApi } from './api.ts'

const headName = 'shopctl-journal'
const label = 'shopctl.dev/journal'
/** Of moves, which a rollback needs, with the ends of holds, and of all other operations. */
const keptOfAKind = 100
/** For all records together. A Kubernetes object holds at most 1 MiB. */
const keptBytes = 16 * 1024 * 1024
const keptMovesAtLeast = 20
const attempts = 5

export function createJournal(api: KubernetesApi, namespace: string): JournalStore {
  const maps = `/api/v1/namespaces/${namespace}/configmaps`
  const head = `${maps}/${headName}`

  const readAll = async (): Promise<V1ConfigMap[]> => {
    const selector = encodeURIComponent(label)
    return (await api.get<V1ConfigMapList>(`${maps}?labelSelector=${selector}`))?.items ?? []
  }

  const keep = async (operation: Operation): Promise<void> => {
    const name = recordName(operation)
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { [label]: 'record' } },
      data: { record: JSON.stringify(operation) },
    }
    await api.apply(`${maps}/${name}`, object)
  }

  const writeHead = (found: V1ConfigMap | null, head: Head): Promise<V1ConfigMap> => {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: headName,
        namespace,
        labels: { [label]: 'head' },
        ...(found && { resourceVersion: found.metadata?.resourceVersion }),
      },
      data: { head: JSON.stringify(head) },
    }
    return found ? api.send('PUT', `${maps}/${headName}`, object) : api.send('POST', maps, object)
  }

  /** A late command must not write the record of an operation that another command has ended. */
  const checkSeen = async (seen: Journal): Promise<void> => {
    const found = await api.get<V1ConfigMap>(head)
    if (found?.metadata?.resourceVersion === seen.head) return
    throw failed({
      code: 'conflict',
      message: 'The journal was changed since it was read.',
      hint: 'Another command has run meanwhile. Run `shopctl status`, then run the command again.',
    })
  }

  /** Makes room for the record of `next`. The next operation deletes what fails here. */
  const prune = async (operations: readonly Operation[], next: Operation): Promise<void> => {
    const unwanted = beyondBounds([...operations, next]).filter((name) => name !== recordName(next))
    await Promise.all(unwanted.map((name) => api.send('DELETE', `${maps}/${name}`, {})))
  }

  return {
    read: async () => journalOf(await readAll()),
    async begin(operation, seen, outcome) {
      // The record of the replaced operation comes first, so that it is always in one place.
      if (seen.open) {
        await checkSeen(seen)
        await keep({ ...seen.open, outcome, endedAt: operation.startedAt })
      }
      const [release = seen.counter.release] = releaseNumber(operation.release)
      const found = seen.head === null ? null : { metadata: { resourceVersion: seen.head } }
      await writeHead(found, {
        version: 1,
        counter: { operation: operation.number, release },
        open: operation,
      })
      await prune(operationsOf(seen), operation).catch(() => {})
    },
    async counter() {
      const found = headOf(await api.get<V1ConfigMap>(head))
      return found?.counter ?? journalOf(await readAll()).counter
    },
    isOpen: async ({ number }) => headOf(await api.get<V1ConfigMap>(head))?.open?.number === number,
    async end(operation) {
      for (let attempt = 1; ; attempt++) {
        const found = await api.get<V1ConfigMap>(head)
        const now = headOf(found)
        const isOpen = now?.open?.number === operation.number
        // If another command has closed it, its record stays.
        if (isOpen || !now) await keep(operation)
        if (!found || !now || !isOpen) {
          // This command closed it and the answer was lost, or another command's rollback closed it.
          return now?.open === null && now.counter.operation === operation.number
        }
        try {
          await writeHead(found, { ...now, open: null })
          return true
        } catch (error) {
          if (!isConflict(error) || attempt === attempts) throw error
        }
      }
    },
    async amend(operation) {
      if (await api.get<V1ConfigMap>(`${maps}/${recordName(operation)}`)) await keep(operation)
    },
  }
}

interface Head {
  version: 1
  counter: Journal['counter']
  open: Operation | null
}

/** Names sort by number. */
function recordName({ number }: Operation): string {
  return `${headName}-${String(number).padStart(8, '0')}`
}

function operationOf(content: unknown): Operation | null {
  const { success, data } = operationSchema.safeParse(content)
  return success ? data : null
}

function headOf(map: V1ConfigMap | null): Head | null {
  const content = parseJson(map?.data?.head) as Partial<Head> | null
  const { operation, release } = content?.counter ?? {}
  if (!Number.isInteger(operation) || !Number.isInteger(release) || !content?.counter) return null
  const open = content.open == null ? null : operationOf(content.open)
  if (content.open != null && open === null) return null
  return { version: 1, counter: content.counter, open }
}

/** Leaves out unreadable records and lists them in `damaged`. Rebuilds an unreadable head from the records. */
export function journalOf(maps: readonly V1ConfigMap[]): Journal {
  const nameOf = ({ metadata }: V1ConfigMap): string => metadata?.name ?? ''
  const damaged: string[] = []
  const closed: Operation[] = []
  const records = maps.filter((map) => map.metadata?.labels?.[label] === 'record')
  for (const map of [...records].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const operation = operationOf(parseJson(map.data?.record))
    if (operation) closed.push(operation)
    else damaged.push(nameOf(map))
  }
  const headMap = maps.find((map) => nameOf(map) === headName)
  const head = headOf(headMap ?? null)
  if (headMap && !head) damaged.push(headName)
  const last = closed.at(-1)?.number ?? 0
  const released = closed.flatMap(({ release }) => releaseNumber(release))
  return {
    counter: {
      operation: Math.max(last, head?.counter.operation ?? 0),
      release: Math.max(0, ...released, head?.counter.release ?? 0),
    },
    open: head?.open ?? null,
    closed: closed.filter(({ number }) => number !== head?.open?.number),
    damaged,
    head: headMap?.metadata?.resourceVersion ?? emptyJournal.head,
  }
}

/** Of each slot: until it is live, no other record says what it was deployed with. */
function lastDeploysOf(all: readonly Operation[]): Set<Operation> {
  const last = new Map<string, Operation>()
  for (const operation of all.filter(({ verb }) => verb === 'deploy'))
    for (const { name, to } of operation.services)
      if (to) last.set(slotName(name, to.color), operation)
  return new Set(last.values())
}

/** Names of the records beyond the bounds, the oldest first. `all` is in order. Exported for its test. */
export function beyondBounds(all: readonly Operation[]): string[] {
  const sizes = new Map(all.map((each) => [each.number, Buffer.byteLength(JSON.stringify(each))]))
  // The end of a hold outlives the rollback before it: else the hold would come back.
  const isLasting = (each: Operation): boolean => isMove(each) || each.verb === 'hold-release'
  const moves = all.filter(isLasting)
  const others = all.filter((each) => !isLasting(each))
  const needed = lastDeploysOf(all)
  const unwanted = new Set<Operation>([
    ...moves.slice(0, -keptOfAKind),
    ...others.slice(0, -keptOfAKind).filter((each) => !needed.has(each)),
  ])
  let bytes = all.reduce(
    (sum, each) => sum + (unwanted.has(each) ? 0 : (sizes.get(each.number) ?? 0)),
    0,
  )
  for (const each of [...others, ...moves.slice(0, -keptMovesAtLeast)]) {
    if (bytes <= keptBytes) break
    if (unwanted.has(each) || needed.has(each)) continue
    unwanted.add(each)
    bytes -= sizes.get(each.number) ?? 0
  }
  return [...unwanted].map(recordName)
}
