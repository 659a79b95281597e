// What others say about images, in memory.
import type { Attestation, Attestations, Scan, Scans } from '../../src/release/ports/images.ts'

/** A bundle here is the JSON of what it says. */
export function createFakeAttestations(): Attestations {
  return {
    verify: async (bundles) => bundles.map((bundle) => JSON.parse(bundle) as Attestation),
  }
}

export interface FakeScans extends Scans {
  /** By digest: the answers one after the other; the last one stays. Default: nothing was found. */
  answers: Map<string, Scan[]>
  /** Digests that were asked about. */
  asked: string[]
}

export function createFakeScans(): FakeScans {
  const answers: FakeScans['answers'] = new Map()
  const asked: string[] = []
  return {
    answers,
    asked,
    async read(_, digest) {
      asked.push(digest)
      const left = answers.get(digest) ?? []
      const answer = left.length > 1 ? left.shift() : left[0]
      return answer ?? { state: 'done', findings: [] }
    },
  }
}
