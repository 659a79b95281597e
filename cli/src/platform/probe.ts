// Asks a daemon whether it is ready.
import { request as plainRequest, type RequestOptions } from 'node:http'
import http2 from 'node:http2'
import { request as tlsRequest } from 'node:https'
import { connect } from 'node:net'

const timeoutMs = 2_000

/** Whether the URL answers 2xx. Does not check the daemons' certificates: the request has no secrets. */
export function answers(url: string, options: RequestOptions = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const send = url.startsWith('https:') ? tlsRequest : plainRequest
    const request = send(
      url,
      {
        ...options,
        // The usual agent may go through a proxy.
        agent: false,
        timeout: timeoutMs,
        ...(url.startsWith('https:') && { rejectUnauthorized: false }),
      },
      (response) => {
        response.resume()
        const status = response.statusCode ?? 0
        resolve(status >= 200 && status < 300)
      },
    )
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
    request.end()
  })
}

/**
 * Whether a gRPC method (`/package.Service/Method`) at a Unix socket answers an empty request with OK. A daemon may
 * accept connections before its services are ready.
 */
export function answersCall(socketPath: string, method: string): Promise<boolean> {
  return new Promise((resolve) => {
    const session = http2.connect('http://localhost', {
      createConnection: () => connect({ path: socketPath }),
    })
    const settle = (ready: boolean) => {
      session.destroy()
      resolve(ready)
    }
    session.on('error', () => settle(false))
    const call = session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    call.on('trailers', (trailers) => settle(trailers['grpc-status'] === '0'))
    call.on('end', () => settle(false)) // an error comes in the headers, without trailers
    call.on('error', () => settle(false))
    call.setTimeout(timeoutMs, () => settle(false))
    call.resume()
    call.end(Buffer.alloc(5)) // not compressed, and a message of 0 bytes
  })
}
