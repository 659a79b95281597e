// The pieces of what slots were deployed with, in memory.
import { gunzipSync } from 'node:zlib'
import type { Piece, Pieces } from '../../src/release/ports/pieces.ts'

export interface FakePieces extends Pieces {
  /** By hash. */
  kept: Map<string, Piece>
}

export function createFakePieces(log: string[]): FakePieces {
  const kept: FakePieces['kept'] = new Map()
  return {
    kept,
    list: async () => [...kept.keys()],
    read: async (hash) => kept.get(hash) ?? null,
    async add(piece) {
      if (kept.has(piece.hash)) return false
      kept.set(piece.hash, piece)
      log.push(`keep ${piece.hash.slice(0, 8)}`)
      return true
    },
    async remove(hash) {
      kept.delete(hash)
    },
  }
}

export function unpackText({ content }: Piece): string {
  return gunzipSync(content).toString()
}
