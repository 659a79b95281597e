// Stands in for docker where there is no engine: it remembers labels, and pushes an image without layers.
// STUB is its folder, STUB_URL the registry. STUB_PUSH: `fails`, or `hangs`.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
const { STUB, STUB_URL, STUB_PUSH, DOCKER_CONFIG } = process.env
const labelsFile = join(STUB, 'labels.json')
const digestOf = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`

function build() {
  // The driver of `docker buildx inspect`.
  if (args[1] === 'inspect') return console.log('Driver: docker-container')
  if (args.includes('--cache-to')) keepLogin('cache-login.json')
  const file = args[args.indexOf('--metadata-file') + 1]
  if (!args.includes('--metadata-file')) return
  const labels = args.flatMap((arg, at) => (arg === '--label' ? [args[at + 1].split('=')] : []))
  writeFileSync(labelsFile, JSON.stringify(Object.fromEntries(labels)))
  writeFileSync(file, JSON.stringify({ 'containerimage.config.digest': digestOf('id') }))
}

function inspect() {
  if (!existsSync(labelsFile)) process.exit(1)
  console.log(readFileSync(labelsFile, 'utf8'))
}

function keepLogin(name) {
  const config = readFileSync(join(DOCKER_CONFIG, 'config.json'), 'utf8')
  writeFileSync(join(STUB, name), JSON.stringify({ folder: DOCKER_CONFIG, config }))
}

async function push() {
  keepLogin('login.json')
  if (STUB_PUSH === 'hangs') return setTimeout(() => {}, 60_000)
  if (STUB_PUSH === 'fails') {
    console.error('received unexpected HTTP status: 500 Internal Server Error')
    process.exit(1)
  }
  const [, name, tag] = /^[^/]+\/(.+):([^:]+)$/.exec(args.at(-1))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, layers: [] })
  const headers = { 'content-type': mediaType }
  const url = `${STUB_URL}/v2/${name}/manifests/${tag}`
  const { ok, status } = await fetch(url, { method: 'PUT', headers, body: manifest })
  if (!ok) throw new Error(`${status}`)
  console.log(`${tag}: digest: ${digestOf(manifest)} size: ${manifest.length}`)
}

const verbs = { buildx: build, push, image: args[1] === 'inspect' ? inspect : () => {} }
await verbs[args[0]]()
