// What others say about an image: who built it, and which weaknesses it has.

/** A statement about images, whose signature is valid. */
export interface Attestation {
  kind: 'attestation'
  /** The workflow that signed: `https://github.com/<owner>/<name>/.github/workflows/<file>@<ref>`. */
  signer: string
  /** Who let the signer log in. */
  issuer: string
  /** Where the source of the workflow run is: `https://github.com/<owner>/<name>`. null: unknown. */
  repository: string | null
  /** `https://slsa.dev/provenance/v1` */
  predicateType: string
  /** `sha256:…` */
  subjects: readonly string[]
}

/** What is no statement of anybody who is trusted. */
export interface Untrusted {
  kind: 'untrusted'
  why: string
}

/** Whom to trust: the content of a file. */
export interface TrustedRoots {
  file: string
  text: string
}

export interface Attestations {
  /**
   * Checks bundles of Sigstore. `roots` null: those of its public instance, which are fetched. Refused if the roots cannot
   * be had or read.
   */
  verify(
    bundles: readonly string[],
    roots: TrustedRoots | null,
  ): Promise<(Attestation | Untrusted)[]>
}

/** A known weakness of something in an image. */
export interface Finding {
  /** `CVE-2026-1234` */
  id: string
  /** As the registry says it: `CRITICAL`; `UNDEFINED` if nobody has rated it yet. */
  severity: string
  /** Name and version of the package. null: unknown. */
  where: string | null
}

export type Scan =
  | { state: 'done'; findings: Finding[] }
  /** It may be done later. */
  | { state: 'pending'; why: string }
  /** It never will be. */
  | { state: 'unavailable'; why: string }

export interface Scans {
  read(repository: string, digest: string): Promise<Scan>
}
