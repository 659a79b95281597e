// The part of the Kubernetes API that a pod uses. It needs no rights but those of its Role and of every user.
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { z } from 'zod'

export interface KubernetesApi {
  /** Resolves when the headers have arrived. `signal` also aborts the body. */
  get(path: string, signal: AbortSignal): Promise<IncomingMessage>
  /** The name of the user with this token. Null when the API server does not accept it. */
  userOf(token: string): Promise<string | null>
  close(): void
}

const reviewTimeoutMs = 2_000

const review = z.object({ status: z.object({ userInfo: z.object({ username: z.string() }) }) })

export function connectKubernetes(deps: {
  host: string
  port: number
  /** The folder with the pod's token and the API server's CA. */
  serviceAccountDir: string
}): KubernetesApi {
  const { host, port, serviceAccountDir } = deps
  const agent = new Agent({ ca: readFileSync(`${serviceAccountDir}/ca.crt`), keepAlive: true })

  function send(token: string, options: RequestOptions, body?: string): Promise<IncomingMessage> {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(body && { 'content-type': 'application/json' }),
    }
    return new Promise((resolve, reject) => {
      request({ host, port, agent, headers, ...options }, resolve)
        .on('error', reject)
        .end(body)
    })
  }

  return {
    async get(path, signal) {
      // Read each time, because the kubelet rotates the token.
      const token = (await readFile(`${serviceAccountDir}/token`, 'utf8')).trim()
      return send(token, { path, signal })
    },
    // With the token itself: a TokenReview would need a right in the whole cluster.
    async userOf(token) {
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
      const kind = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
      const signal = AbortSignal.timeout(reviewTimeoutMs)
      const options = { method: 'POST', path, signal }
      const response = await send(token, options, JSON.stringify(kind))
      const body = await text(response)
      if (response.statusCode === 401) return null
      if (response.statusCode === 201)
        return review.parse(JSON.parse(body)).status.userInfo.username
      throw new Error(`it answered ${response.statusCode}`)
    },
    close: () => agent.destroy(),
  }
}
