// What a slot was deployed with, in two pieces: its chart, which most slots share, and its settings. The records of the
// journal name them. Pure.
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { refused } from '../errors.ts'
import { canonical } from './canonical.ts'
import type { ChartFile } from './ports/driver.ts'
import { type Piece, pieceName } from './ports/pieces.ts'
import { type Journal, type KeptNames, operationsOf } from './record.ts'
import { type Side, sameTarget } from './slot.ts'

/** Later files override earlier ones. Helm merges them: what it makes of a null, or of `0644`, is its own. */
export interface ValuesFile {
  /** For messages: relative to the project's root. */
  file: string
  text: string
}

/** They are written to a folder of this machine, and must stay within it. */
const inside = z
  .string()
  .refine((path) => path.split('/').every((part) => !['', '.', '..'].includes(part)))

const chartFile = z.union([
  z.strictObject({ path: inside, text: z.string() }),
  z.strictObject({ path: inside, base64: z.base64() }),
])

const chartPiece = z.strictObject({ files: z.array(chartFile) })

const content = z.object({
  data: z.record(z.string(), z.string()),
  binaryData: z.record(z.string(), z.string()).exactOptional(),
})

const settingsPiece = z.strictObject({
  /** `sha256:…` of the image. */
  digest: z.string(),
  /** What the chart counts for in the revision: a hash over the names and contents of what git lists of it. */
  chart: z.string(),
  values: z.array(z.strictObject({ file: z.string(), text: z.string() })),
  port: z.union([z.string(), z.number()]).nullable(),
  replicas: z.int().positive().nullable(),
  /** The slot's copies, by the names that the chart refers to. Never their values. */
  secrets: z.record(z.string(), z.string()),
  /** By the names that the chart refers to. */
  configMaps: z.record(z.string(), content),
})

export type Settings = z.infer<typeof settingsPiece>

/** Of one piece. No chart that Helm can deploy is nearly as large: it keeps its releases in Secrets of 1 MiB. */
const mostUnpacked = 64 * 1024 * 1024

export function packChart(files: readonly ChartFile[]): Piece {
  return pack({ files: files.map(({ path, content }) => ({ path, ...asText(content) })) })
}

export function packSettings(settings: Settings): Piece {
  return pack(settings)
}

/** Whether it has a template of a Secret, also in an archive of another chart. Its values may hold passwords. */
export function makesSecrets(files: readonly ChartFile[]): boolean {
  return files.some(({ path, content }) => {
    const bytes = path.endsWith('.tgz') ? unzipped(content) : content
    return /\bkind["']?[ \t]*:[ \t]*["']?Secret\b/.test(Buffer.from(bytes).toString('latin1'))
  })
}

function unzipped(content: Uint8Array): Uint8Array {
  try {
    return gunzipSync(content, { maxOutputLength: mostUnpacked })
  } catch {
    return content
  }
}

/** Throws a refusal if the content does not fit the hash. */
export function unpackChart(piece: Piece): ChartFile[] {
  return unpack(piece, chartPiece).files.map((file) => ({
    path: file.path,
    content: 'text' in file ? Buffer.from(file.text) : Buffer.from(file.base64, 'base64'),
  }))
}

export function unpackSettings(piece: Piece): Settings {
  return unpack(piece, settingsPiece)
}

function asText(content: Uint8Array): { text: string } | { base64: string } {
  const bytes = Buffer.from(content)
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }
}

/** The hash is that of the text: what gzip makes of it may differ from one version to the next. */
function pack(value: unknown): Piece {
  const text = canonical(value)
  return { hash: hashOf(text), content: gzipSync(text) }
}

function unpack<T>({ hash, content }: Piece, schema: z.ZodType<T>): T {
  try {
    const text = gunzipSync(content, { maxOutputLength: mostUnpacked })
    if (hashOf(text) === hash) return schema.parse(JSON.parse(text.toString('utf8')))
  } catch (cause) {
    if (cause instanceof z.ZodError) throw unknownPiece(hash, cause)
    throw damaged(hash, cause)
  }
  throw damaged(hash)
}

function unknownPiece(hash: string, cause: unknown): Error {
  return refused({
    code: 'kept-unknown',
    message: `The ConfigMap ${pieceName(hash)} is not one that this shopctl knows.`,
    hint: 'Run the command with the version of shopctl that deployed that release.',
    cause,
  })
}

function hashOf(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

function damaged(hash: string, cause?: unknown): Error {
  return refused({
    code: 'kept-damaged',
    message: `The ConfigMap ${pieceName(hash)} is damaged: its content does not fit its name.`,
    hint: `Find out who has changed it. To use the chart and values of this work tree instead, run \`kubectl delete configmap ${pieceName(hash)}\` in the namespace, then this command again.`,
    cause,
  })
}

/**
 * What the slot of this side was deployed with, the newest first: a deploy that was killed at once has a record, and has
 * kept nothing yet.
 */
export function keptOf(journal: Journal, name: string, side: Side): KeptNames[] {
  const records = operationsOf(journal).flatMap(({ services }) =>
    services.filter((each) => each.name === name && sameTarget(each.to, side)),
  )
  return records.flatMap(({ kept }) => kept ?? []).toReversed()
}

/** A record of a move names what those of its deploys did: the journal keeps it for longer. */
export function withKept<M extends { name: string; to: Side | null }>(
  journal: Journal,
  move: M,
): M & { kept?: KeptNames } {
  const [kept] = move.to ? keptOf(journal, move.name, move.to) : []
  return kept ? { ...move, kept } : move
}

/** The hashes of all pieces that a record names. null: a record cannot be read, so nobody knows. */
export function namedPieces(journal: Journal): Set<string> | null {
  if (journal.damaged.length > 0) return null
  const all = operationsOf(journal).flatMap(({ services }) => services)
  return new Set(all.flatMap(({ kept }) => (kept ? [kept.chart, kept.settings] : [])))
}
