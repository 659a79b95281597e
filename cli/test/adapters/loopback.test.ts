// What is on this machine, and what may be sent where.
import { expect, it } from 'vitest'
import { isLoopback, staysSecret } from '../../src/adapters/loopback.ts'
import { safeAddress } from '../../src/adapters/notices/background.ts'

it.each<[string, boolean]>([
  ['127.0.0.1', true],
  ['127.9.9.9:5000', true],
  ['localhost', true],
  ['localhost:5000', true],
  ['[::1]', true],
  ['[::1]:5000', true],
  ['128.0.0.1', false],
  ['10.0.0.1:5000', false],
  ['127.0.0.1.example.com', false],
  ['localhost.example.com', false],
  ['my-localhost', false],
  ['[::2]', false],
  ['', false],
])('%j is loopback: %j', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

it.each<[string, boolean]>([
  ['https://hooks.slack.com/services/T/B/x', true],
  ['http://127.0.0.1:8080/services', true],
  ['http://[::1]/', true],
  ['http://localhost:1/', true],
  // As a URL, it is 127.0.0.1.
  ['http://127.1:1/', true],
  ['http://hooks.slack.com/services/T/B/x', false],
  ['http://127.0.0.1@evil.example/', false],
  ['ws://127.0.0.1/', false],
])('what is sent to %s stays secret: %j', (address, expected) => {
  expect(staysSecret(new URL(address))).toBe(expected)
  expect(safeAddress(` ${address}\n`)?.href ?? null).toBe(expected ? new URL(address).href : null)
})
