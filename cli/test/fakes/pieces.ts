// The pieces of what slots were deployed with, in memory.
import { gunzipSync } from 'node:zlib'
import type { Piece, Pieces } from '../../src/release/ports/pieces.ts'

export interface FakePieces extends Pieces {
  /** By hash. */
  kept: Map<string, Piece>
}

export function createFakePieces(): FakePieces {
  const fake: FakePieces = {
    kept: new Map(),
    list: async () => [...fake.kept.keys()],
    read: async (hash) => fake.kept.get(hash) ?? null,
    async add(piece) {
      if (fake.kept.has(piece.hash)) return false
      fake.kept.set(piece.hash, piece)
      return true
    },
    async remove(hash) {
      fake.kept.delete(hash)
    },
  }
  return fake
}

export function unpackText({ content }: Piece): string {
  return gunzipSync(content).toString()
}
