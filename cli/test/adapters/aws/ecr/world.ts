// A user of Amazon ECR, and a server that answers like AWS to real SDK clients.
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, vi } from 'vitest'
import { createEcr, type Ecr } from '../../../../src/adapters/aws/ecr/ecr.ts'
import { createScratch } from '../../../../src/adapters/scratch.ts'
import type { Registry } from '../../../../src/release/ports/project.ts'
import type { Mask } from '../../../../src/release/ports/session.ts'
import { forgetAws } from '../../../fakes/aws-user.ts'
import { aLimit, noMask } from '../../../fakes/host.ts'
import { listen } from '../../../fakes/token-server.ts'

export const account = '123456789012'
export const region = 'eu-central-1'
export const host = `${account}.dkr.ecr.${region}.amazonaws.com`
export const repository = `${host}/shop/order`
const secret = 'wJalrXUtnFEMI'
export const images: Registry = {
  digest: async () => `sha256:${'a'.repeat(64)}`,
  labels: async () => ({}),
  referrers: async () => [],
  tag: async () => {},
  prepare: async () => false,
  keep: async () => false,
}

export interface Answer {
  status: number
  /** The name of an error. */
  type?: string
  message?: string
  body?: object
}

export interface EcrWorld {
  asked: { operation: string; body: string; key: string }[]
  /** The account of the user. */
  caller: string
  /** Answers each request with the next of these, then with the last one. `null`: does not answer. */
  answer(...answers: (Answer | null)[]): Promise<void>
  serve(listener: RequestListener): Promise<void>
  stop(): void
}

export function createWorld(): EcrWorld {
  const home = mkdtempSync(join(tmpdir(), 'aws-'))
  forgetAws(home)
  let server: Server | undefined
  const world: EcrWorld = {
    asked: [],
    caller: account,
    answer: (...answers) =>
      world.serve(async (request, response) => {
        const body = await text(request)
        const target = String(request.headers['x-amz-target'] ?? '').split('.')[1]
        const operation = target ?? new URLSearchParams(body).get('Action') ?? ''
        const key = /Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
        world.asked.push({ operation, body, key })
        if (operation === 'GetCallerIdentity')
          return response.setHeader('content-type', 'text/xml').end(identityOf(world.caller))
        const answer = answers.length > 1 ? answers.shift() : answers[0]
        if (!answer) return
        const { status, type, message = 'no', body: content = { __type: type, message } } = answer
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
        response.end(JSON.stringify(content))
      }),
    async serve(listener) {
      server = createServer(listener)
      vi.stubEnv('AWS_ENDPOINT_URL', `http://${await listen(server)}`)
    },
    stop() {
      vi.unstubAllEnvs()
      server?.close().closeAllConnections()
      rmSync(home, { recursive: true })
    },
  }
  return world
}

function identityOf(account: string): string {
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>${account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
}

export function login(): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret)
}

export function registry(role: string | null = null, seconds = 4): Registry {
  return ecrOf(role, seconds).registryOf(images)
}

export function ecrOf(role: string | null = null, seconds = 4, mask: Mask = noMask): Ecr {
  const limit = { ...aLimit, seconds }
  return createEcr({
    ...{ host, account, region, role, limit },
    env: process.env,
    agentOf: async () => new Agent(),
    scratch: createScratch(),
    mask,
  })
}

/** The error, which names no secret. */
export async function problem(asking: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await asking.then(
    () => ({}),
    (error: unknown) => error,
  )
  expect(JSON.stringify(error) + String(error)).not.toContain(secret)
  return error as Record<string, unknown>
}
