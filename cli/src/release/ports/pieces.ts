// What slots were deployed with, kept in the environment in pieces.

/** A piece is named by a hash of its content, so it never changes. */
export interface Piece {
  /** 64 digits. */
  hash: string
  /** Compressed. */
  content: Uint8Array
}

/** In bytes, compressed. Hundreds of them have to fit into the cluster. */
export const mostOfAPiece = 300_000

export interface Pieces {
  /** The hashes of all pieces. */
  list(): Promise<string[]>
  /** As it stands there, whether it fits its hash or not. null: there is none. */
  read(hash: string): Promise<Piece | null>
  /** false: there is one already, and nothing was done. */
  add(piece: Piece): Promise<boolean>
  /** Does nothing if there is none. */
  remove(hash: string): Promise<void>
}

const prefix = 'shopctl-kept-'

/** Of its ConfigMap. */
export function pieceName(hash: string): string {
  return `${prefix}${hash}`
}

export function pieceHash(name: string): string {
  return name.slice(prefix.length)
}
