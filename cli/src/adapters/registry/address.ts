// Where an image is: the host of its registry, and how it is called there and in Docker's configuration. Pure.
import { isLoopback } from '../loopback.ts'

export interface Address {
  /** `https://registry-1.docker.io` */
  base: string
  /** Its name in shopctl.yaml and for `docker login`: `docker.io`, `host:port`. */
  host: string
  /** The repository there: `team/shop/order`. */
  name: string
}

/** What everybody calls `docker.io` is another host, and has another name in Docker's configuration. */
const hub = {
  host: 'docker.io',
  server: 'registry-1.docker.io',
  login: 'https://index.docker.io/v1/',
}

/** Splits `127.0.0.1:5000/shop/order`. Loopback uses plain HTTP, as in docker. */
export function locate(repository: string): Address {
  const slash = repository.indexOf('/')
  const host = repository.slice(0, slash)
  const scheme = isLoopback(host) ? 'http' : 'https'
  const server = host === hub.host ? hub.server : host
  return { base: `${scheme}://${server}`, host, name: repository.slice(slash + 1) }
}

/** The key of a registry in Docker's configuration, and for its credential helpers. */
export function loginKey(host: string): string {
  return host === hub.host ? hub.login : host
}

export function loginCommand(host: string): string {
  return host === hub.host ? 'docker login' : `docker login ${host}`
}
