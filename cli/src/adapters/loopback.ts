// What is on this machine. Pure.

/** `host` may have a port. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}

/** A secret goes over TLS, or stays on this machine. */
export function staysSecret({ protocol, host }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(host))
}
