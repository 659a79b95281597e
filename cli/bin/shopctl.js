#!/usr/bin/env node
// Starts shopctl with a Node that is new enough. Plain JavaScript, so that an old Node can read it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const wanted = 24
const here = dirname(fileURLToPath(import.meta.url))

/** The `node` package, installed here or in a folder above. */
function newerNode() {
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    const found = join(folder, 'node_modules', 'node', 'bin', 'node')
    if (existsSync(found)) return found
  }
}

if (Number(process.versions.node.split('.')[0]) < wanted) {
  const node = newerNode()
  if (!node) {
    console.error(`✗ shopctl needs Node ${wanted} or later; this is ${process.version}.`)
    console.error('  Install a newer Node, or run `npm install node` in your project.')
    process.exit(2)
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
} else {
  module.enableCompileCache?.()
  const source = join(here, '..', 'src', 'main.ts')
  await import(existsSync(source) ? source : join(here, '..', 'dist', 'bundle', 'main.js'))
}
