// An instance of Sigstore of our own, as a server: it issues certificates, logs signatures and tells the time.
import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { bundleToJSON } from '@sigstore/bundle'
import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  tsaHandler,
} from '@sigstore/mock'
import { attachArtifactToImage } from '@sigstore/oci'
import { HashAlgorithm, PublicKeyDetails, TrustedRoot } from '@sigstore/protobuf-specs'
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign'
import { listen } from './token-server.ts'

export interface Signing {
  /** `owner/name/.github/workflows/file.yml@ref` */
  workflow: string
  /** `owner/name` */
  repository: string
  issuer: string
  predicateType: string
  /** `sha256:…` */
  digest: string
  payloadType: string
  /** Whether the signature is in the log. Otherwise an authority says its time. */
  isLogged: boolean
}

export interface FakeSigstore {
  /** A bundle, as actions/attest writes it. */
  sign(signing: Partial<Signing> & { digest: string }): Promise<string>
  /** The trusted root, as JSON of one line. */
  root: string
  close(): void
}

export const githubIssuer = 'https://token.actions.githubusercontent.com'
export const provenanceType = 'https://slsa.dev/provenance/v1'
export const aSigning = {
  workflow: 'shop/releases/.github/workflows/shopctl.yml@refs/heads/main',
  repository: 'shop/shop',
  issuer: githubIssuer,
  predicateType: provenanceType,
  payloadType: 'application/vnd.in-toto+json',
}

/** A checkpoint of the log names it. */
const logUrl = 'https://log.test'

const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** `private`: like GitHub's own instance, it has no logs. */
export async function startSigstore(kind: 'public' | 'private' = 'public'): Promise<FakeSigstore> {
  const isPublic = kind === 'public'
  // The mock writes some milliseconds so that nobody can read them.
  const clock = new Date(Math.ceil(Date.now() / 1000) * 1000)
  const ctLog = await initializeCTLog(key(), clock)
  const ca = await initializeCA(key(), isPublic ? ctLog : undefined, clock)
  const tLog = await initializeTLog(logUrl, key(), clock)
  const tsa = await initializeTSA(key(), clock)
  const handlers = [fulcioHandler(ca), logHandler(tLog), tsaHandler(tsa)]
  const server = createServer(async (request, response) => {
    const handler = handlers.find(({ path }) => path === request.url)
    if (!handler) return void response.writeHead(404).end()
    const { statusCode, response: body, contentType } = await handler.fn(await text(request))
    response.writeHead(statusCode, { 'content-type': contentType ?? 'text/plain' })
    response.end(typeof body === 'string' ? body : Buffer.from(body.buffer))
  })
  const url = `http://${await listen(server)}`
  const from = { start: new Date(Date.now() - 60_000) }
  const log = (publicKey: Buffer, keyId: Buffer) => ({
    baseUrl: logUrl,
    logId: { keyId },
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: {
      rawBytes: publicKey,
      keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
      validFor: from,
    },
    checkpointKeyId: undefined,
    operator: 'test',
  })
  const authority = (...certificates: ArrayBufferView<ArrayBuffer>[]) => ({
    subject: { commonName: 'test', organization: 'test' },
    uri: url,
    certChain: {
      certificates: certificates.map((each) => ({ rawBytes: Buffer.from(each.buffer) })),
    },
    validFor: from,
    operator: 'test',
  })
  const tLogId = createHash('sha256').update(tLog.publicKey).digest()
  const root = TrustedRoot.toJSON({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: isPublic ? [log(tLog.publicKey, tLogId)] : [],
    ctlogs: isPublic ? [log(ctLog.publicKey, Buffer.from(ctLog.logID.buffer))] : [],
    certificateAuthorities: [authority(ca.rootCertificate)],
    timestampAuthorities: [authority(tsa.intCertificate, tsa.rootCertificate)],
  })
  return {
    root: JSON.stringify(root),
    close: () => void server.close(),
    async sign(signing) {
      const { workflow, repository, issuer, predicateType, payloadType, digest } = {
        ...aSigning,
        ...signing,
      }
      const { isLogged = isPublic } = signing
      const claims = { sub: `https://github.com/${workflow}`, iss: issuer, repository }
      const builder = new DSSEBundleBuilder({
        signer: new FulcioSigner({
          fulcioBaseURL: url,
          identityProvider: { getToken: async () => tokenOf(claims) },
        }),
        witnesses: [
          isLogged ? new RekorWitness({ rekorBaseURL: url }) : new TSAWitness({ tsaBaseURL: url }),
        ],
      })
      const statement = {
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ name: 'image', digest: { sha256: digest.replace('sha256:', '') } }],
        predicateType,
        predicate: {},
      }
      const data = Buffer.from(JSON.stringify(statement))
      return JSON.stringify(bundleToJSON(await builder.create({ data, type: payloadType })))
    },
  }
}

/** Like Rekor, and not like the mock's handler, it logs the signature and the digest of what is signed. */
function logHandler(tLog: Awaited<ReturnType<typeof initializeTLog>>) {
  return {
    path: '/api/v1/log/entries',
    async fn(body: string) {
      const { kind, apiVersion, spec } = JSON.parse(body)
      const { envelope, verifiers } = spec.proposedContent
      const { payload, signatures } = JSON.parse(envelope)
      const hash = (content: Buffer | string) => ({
        algorithm: 'sha256',
        value: createHash('sha256').update(content).digest('hex'),
      })
      const entry = await tLog.log({
        ...{ kind, apiVersion },
        spec: {
          envelopeHash: hash(envelope),
          payloadHash: hash(Buffer.from(payload, 'base64')),
          signatures: [{ signature: signatures[0].sig, verifier: verifiers[0] }],
        },
      })
      return { statusCode: 201, response: JSON.stringify(entry), contentType: 'application/json' }
    },
  }
}

/** Nobody checks its signature here. */
function tokenOf(claims: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  return `${encode({ alg: 'none' })}.${encode(claims)}.`
}

export interface Subject {
  /** `host/path`, without a tag. */
  name: string
  /** `sha256:…` */
  digest: string
  /** null: the registry lets everybody in. */
  credentials: Parameters<typeof attachArtifactToImage>[0]['credentials'] | null
}

/** What actions/attest does with `push-to-registry: true`, by its library. */
export async function attestImage(
  sigstore: FakeSigstore,
  { name, digest, credentials }: Subject,
  over: Partial<Signing> = {},
): Promise<void> {
  const bundle = await sigstore.sign({ digest, ...over })
  await attachArtifactToImage({
    credentials: credentials ?? (undefined as never),
    imageName: name,
    imageDigest: digest,
    artifact: Buffer.from(bundle),
    mediaType: JSON.parse(bundle).mediaType,
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': over.predicateType ?? aSigning.predicateType,
    },
  })
}
