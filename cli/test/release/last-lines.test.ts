// What is shown of a program that failed.
import { expect, it } from 'vitest'
import { lastLines, programFailed } from '../../src/release/last-lines.ts'

const node = (
  name: string,
  from = '/shop/services/bundle.ts',
) => `node:internal/modules/package_json_reader:267
  throw new ERR_MODULE_NOT_FOUND(packageName, fileURLToPath(base), null);
        ^

Error [ERR_MODULE_NOT_FOUND]: Cannot find ${name} imported from ${from}
    at Object.getPackageJSONURL (node:internal/modules/package_json_reader:267:9)
    at async asyncRunEntryPointWithESMLoader (node:internal/modules/run_main:117:5) {
  code: 'ERR_MODULE_NOT_FOUND'
}

Node.js v24.1.0`
const required = `Error: Cannot find module 'pg'
Require stack:
- /shop/smoke.cjs
    at Function._resolveFilename (node:internal/modules/cjs/loader:1225:15) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/shop/smoke.cjs' ]
}`

it.each([
  [node("package 'esbuild'"), "Cannot find package 'esbuild'"],
  [node("package '@shop/kernel'"), "Cannot find package '@shop/kernel'"],
  [
    node("package '/shop/node_modules/pg/i.js'"),
    "Cannot find package '/shop/node_modules/pg/i.js'",
  ],
  [node("module '/shop/node_modules/pg/i.js'"), "Cannot find module '/shop/node_modules/pg/i.js'"],
  [required, "Cannot find module 'pg'"],
  [`building order\n${node("package 'esbuild'")}`, "Cannot find package 'esbuild'"],
])('%s names the missing package and `npm ci`', (output, what) => {
  expect(programFailed('node a.ts', { exitCode: 1, output }, 'Fix it.')).toEqual({
    message: `node a.ts ended with exit code 1. Packages are missing: ${what}`,
    hint: 'Run `npm ci`, then run the command again.',
  })
})

it.each([
  node("module '/shop/services/bundel.ts'", '/shop/main.ts'),
  required.replace("'pg'", "'./pg.cjs'"),
  'AssertionError: expected 200\n    at smoke.ts:7:3\nnothing else',
])('%s is shown without the stack trace', (output) => {
  const { message, hint } = programFailed('node a.ts', { exitCode: 1, output }, 'Fix it.')
  const [first, ...rest] = message.split('\n')
  expect(first).toBe('node a.ts ended with exit code 1:')
  expect(output).toContain(rest[0])
  expect(message).not.toMatch(/^\s+at |node:internal/m)
  expect(hint).toBe('Fix it.')
})

it.each([
  ['connect amqp://order:s3cr3t@rabbitmq:5672 failed', 'connect amqp://***@rabbitmq:5672 failed'],
  ['postgresql://order:a%40b@postgres:5432/order', 'postgresql://***@postgres:5432/order'],
  ['"amqp://order@rabbitmq/shop"', '"amqp://***@rabbitmq/shop"'],
  ["'amqp://order:a/b@c@rabbitmq'", "'amqp://***@rabbitmq'"],
  [
    "from 'file:///shop/node_modules/@shop/kernel'",
    "from 'file:///shop/node_modules/@shop/kernel'",
  ],
  ['GET http://10.0.0.1:9090/readyz: a@b.c', 'GET http://10.0.0.1:9090/readyz: a@b.c'],
  ['Authorization: Bearer abc.def-123', 'Authorization: Bearer ***'],
  ['{"authorization":"Basic b3JkZXI6czNjcjN0"}', '{"authorization":"Basic ***"}'],
  ['token=ghp_0123456789abcdefghij!', 'token=***!'],
  ['a eyJhbGciOi.eyJzdWIiOjEyMzQ1.sig-1 b', 'a *** b'],
  [
    'POST https://hooks.slack.com/services/T0/B0/abcDEF',
    'POST https://hooks.slack.com/services/***',
  ],
  ['no authorization: none; it is a bearer', 'no authorization: none; it is a bearer'],
])('%s is shown without its login or token', (line, shown) => {
  expect(lastLines(`one\n${line}\n`, 2)).toBe(`one\n${shown}`)
})
