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
  const idFile = args[args.indexOf('--iidfile') + 1]
  if (!args.includes('--iidfile')) return
  const labels = args.flatMap((arg, at) => (arg === '--label' ? [args[at + 1].split('=')] : []))
  writeFileSync(labelsFile, JSON.stringify(Object.fromEntries(labels)))
  writeFileSync(idFile, digestOf('id'))
}

function inspect() {
  if (!existsSync(labelsFile)) process.exit(1)
  console.log(readFileSync(labelsFile, 'utf8'))
}

async function push() {
  const config = readFileSync(join(DOCKER_CONFIG, 'config.json'), 'utf8')
  writeFileSync(join(STUB, 'login.json'), JSON.stringify({ folder: DOCKER_CONFIG, config }))
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

const verbs = { build, push, image: args[1] === 'inspect' ? inspect : () => {} }
await verbs[args[0]]()
