// A repository of The Update Framework with one target, as a server. One key signs everything.
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import {
  Key,
  Metadata,
  MetaFile,
  Root,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from '@tufjs/models'
import { listen } from './token-server.ts'

export interface FakeTuf {
  url: string
  /** The first root, as JSON: clients have it before they ask. */
  root: string
  /** Paths that were asked for. */
  asked: string[]
  close(): void
}

const roles = ['root', 'timestamp', 'snapshot', 'targets']

export async function startTuf(
  target: { name: string; content: string },
  expires = new Date(Date.now() + 86_400_000).toISOString(),
): Promise<FakeTuf> {
  const signed = signer()
  const common = { version: 1, specVersion: '1.0.0', expires }
  const root = new Root({ ...common, consistentSnapshot: false })
  for (const role of roles) root.addKey(signed.key, role)
  const targets = new Targets(common)
  targets.addTarget(
    new TargetFile({
      path: target.name,
      length: Buffer.byteLength(target.content),
      hashes: { sha256: createHash('sha256').update(target.content).digest('hex') },
    }),
  )
  const meta = new MetaFile({ version: 1 })
  const files = new Map([
    ['/timestamp.json', signed.json(new Timestamp({ ...common, snapshotMeta: meta }))],
    ['/snapshot.json', signed.json(new Snapshot({ ...common, meta: { 'targets.json': meta } }))],
    ['/targets.json', signed.json(targets)],
    [`/targets/${target.name}`, target.content],
  ])
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const found = files.get(request.url ?? '')
    response.writeHead(found === undefined ? 404 : 200).end(found)
  })
  return {
    url: `http://${await listen(server)}`,
    root: signed.json(root),
    asked,
    close: () => void server.close().closeAllConnections(),
  }
}

function signer() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keyID = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }))
  const key = new Key({
    keyID: keyID.digest('hex'),
    keyType: 'ecdsa',
    scheme: 'ecdsa-sha2-nistp256',
    keyVal: { public: publicKey.export({ type: 'spki', format: 'pem' }).toString() },
  })
  return {
    key,
    json(part: Root | Timestamp | Snapshot | Targets): string {
      const metadata = new Metadata(part)
      metadata.sign(
        (data) =>
          new Signature({
            keyID: key.keyID,
            sig: sign('sha256', data, privateKey).toString('hex'),
          }),
      )
      return JSON.stringify(metadata.toJSON())
    },
  }
}
