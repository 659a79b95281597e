// A daemon that accepts connections is not ready before its services answer.

import { mkdtemp, rm } from 'node:fs/promises'
import http2 from 'node:http2'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { answersCall } from '../../src/platform/probe.ts'

const method = '/runtime.v1.RuntimeService/Version'
let folder = ''
let server: Server | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shopctl-probe-'))
})
afterEach(async () => {
  server?.close()
  await rm(folder, { recursive: true })
})

async function listen(made: Server): Promise<string> {
  server = made
  const path = join(folder, 'socket')
  await new Promise<void>((resolve) => made.listen(path, resolve))
  return path
}

/** Answers as gRPC does: an error without a message comes in the headers. */
function grpc(statusOf: (path: string | undefined) => string): Server {
  const made = http2.createServer()
  made.on('stream', (stream, headers) => {
    const status = { 'grpc-status': statusOf(headers[':path']) }
    if (status['grpc-status'] !== '0') {
      stream.respond({ ':status': 200, ...status }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(status))
    stream.end(Buffer.alloc(5))
  })
  return made
}

test('ready: the method answers OK', async () => {
  const path = await listen(grpc((called) => (called === method ? '0' : '12')))
  expect(await answersCall(path, method)).toBe(true)
  expect(await answersCall(path, `${method}s`)).toBe(false)
})

test('not ready: the server is not initialized yet', async () => {
  expect(await answersCall(await listen(grpc(() => '2')), method)).toBe(false)
})

test('not ready: the connection is accepted, and closed', async () => {
  expect(await answersCall(await listen(createServer((socket) => socket.destroy())), method)).toBe(
    false,
  )
})

test('not ready: nothing listens', async () => {
  expect(await answersCall(join(folder, 'socket'), method)).toBe(false)
})

test('not ready: no answer', async () => {
  const path = await listen(createServer(() => {}))
  expect(await answersCall(path, method)).toBe(false)
}, 10_000)
