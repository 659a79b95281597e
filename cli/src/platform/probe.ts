// Asks a daemon whether it is ready.
import { request as plainRequest, type RequestOptions } from 'node:http'
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

/** Whether a Unix socket accepts connections. */
export function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: timeoutMs })
    const settle = (listening: boolean) => {
      socket.destroy()
      resolve(listening)
    }
    socket.on('connect', () => settle(true))
    socket.on('timeout', () => settle(false))
    socket.on('error', () => settle(false))
  })
}
