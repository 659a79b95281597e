// Reads an answer up to a length: a command keeps it in memory.
import { failed } from '../errors.ts'

const most = { bytes: 16 * 1024 * 1024, text: '16 MiB' }

/** Throws where it is longer than anything that is wanted. */
export async function limited(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > most.bytes)
      throw failed({ code: 'answer-too-long', message: `the answer is longer than ${most.text}` })
    kept.push(chunk)
  }
  return Buffer.concat(kept)
}
