// Checks the signatures of attestations, as Sigstore makes them. Its libraries are loaded when they are used: in a bundle,
// a CommonJS module has only a default export.
import type { TrustedRoot } from '@sigstore/protobuf-specs'
import type { Signer } from '@sigstore/verify'
import { z } from 'zod'
import { said } from '../../errors.ts'
import type { Attestation, Attestations, Untrusted } from '../../release/ports/images.ts'
import { fetchRoots, readRoots, type TufOptions } from './roots.ts'

const statementType = 'application/vnd.in-toto+json'
const statementSchema = z.object({
  predicateType: z.string(),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })),
})

/** Of the certificates of Sigstore: the URI of the source repository. */
const sourceRepository = '1.3.6.1.4.1.57264.1.12'

export function createAttestations(options: TufOptions): Attestations {
  let fetched: Promise<TrustedRoot[]> | undefined
  const fetchOnce = (): Promise<TrustedRoot[]> => {
    fetched ??= fetchRoots(options).then((root) => [root])
    return fetched
  }
  return {
    async verify(bundles, given) {
      if (bundles.length === 0) return []
      const roots = await (given ? readRoots(given) : fetchOnce())
      return Promise.all(bundles.map((bundle) => verifyOne(bundle, roots)))
    },
  }
}

async function verifyOne(
  text: string,
  roots: readonly TrustedRoot[],
): Promise<Attestation | Untrusted> {
  const { bundleFromJSON } = (await import('@sigstore/bundle')).default
  const { toSignedEntity, toTrustMaterial, Verifier } = (await import('@sigstore/verify')).default
  const problems = new Set<string>()
  for (const root of roots) {
    try {
      const bundle = bundleFromJSON(JSON.parse(text))
      // GitHub's own instance, for private repositories, has no transparency logs: its time is that of an authority.
      const verifier = new Verifier(toTrustMaterial(root), {
        tlogThreshold: Math.min(root.tlogs.length, 1),
        ctlogThreshold: Math.min(root.ctlogs.length, 1),
        timestampThreshold: 1,
      })
      const signer = verifier.verify(toSignedEntity(bundle))
      const { content } = bundle
      if (content.$case !== 'dsseEnvelope') return untrusted('it signs no statement')
      const { payload, payloadType } = content.dsseEnvelope
      if (payloadType !== statementType) return untrusted(`it is of the type ${payloadType}`)
      return await attestationOf(signer, JSON.parse(payload.toString('utf8')))
    } catch (error) {
      problems.add(said(error).split('\n')[0] ?? '')
    }
  }
  return untrusted([...problems].join('; '))
}

async function attestationOf(
  { identity }: Signer,
  content: unknown,
): Promise<Attestation | Untrusted> {
  const statement = statementSchema.safeParse(content)
  if (!statement.success) return untrusted('its statement is not one of in-toto')
  const { predicateType, subject } = statement.data
  return {
    kind: 'attestation',
    signer: identity?.subjectAlternativeName ?? '',
    issuer: identity?.extensions?.issuer ?? '',
    repository: await extensionOf(identity, sourceRepository),
    predicateType,
    subjects: subject.flatMap(({ digest }) => (digest.sha256 ? [`sha256:${digest.sha256}`] : [])),
  }
}

async function extensionOf(identity: Signer['identity'], wanted: string): Promise<string | null> {
  const { ASN1Obj } = (await import('@sigstore/core')).default
  const found = identity?.oids?.find(({ oid }) => oid?.id.join('.') === wanted)
  return found ? ASN1Obj.parseBuffer(Buffer.from(found.value)).value.toString('utf8') : null
}

function untrusted(why: string): Untrusted {
  return { kind: 'untrusted', why }
}
