// Chooses the proxy to the API server by Go's rules, as kubectl does, and makes the agent that uses it.
import { Agent, type AgentOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { BlockList, isIP } from 'node:net'
import { refused } from '../../errors.ts'
import { isLoopback } from '../loopback.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** `proxyUrl` of the kubeconfig applies to every server. The environment's proxies exclude loopback and NO_PROXY. */
export function proxyFor(
  server: URL,
  proxyUrl: string | null | undefined,
  env: Environment,
): URL | null {
  if (proxyUrl) return parseProxy(proxyUrl) ?? throwBad(proxyUrl, '`proxy-url` of the kubeconfig')
  const name = server.protocol === 'http:' ? 'HTTP_PROXY' : 'HTTPS_PROXY'
  const found = env[name] || env[name.toLowerCase()]
  if (
    !found ||
    isLoopback(server.hostname) ||
    isExcepted(server, env.NO_PROXY || env.no_proxy || '')
  ) {
    return null
  }
  return parseProxy(found) ?? throwBad(found, name)
}

const schemes = new Set(['http:', 'https:', 'socks5:', 'socks5h:'])

function parseProxy(text: string): URL | null {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  return url && schemes.has(url.protocol) ? url : null
}

function throwBad(text: string, source: string): never {
  throw refused({
    code: 'bad-proxy',
    message: `${source} is no proxy: "${text.replace(/(^|\/)[^/]*@/, '$1***@')}".`,
    hint: 'Write http://, https:// or socks5://, a host and a port.',
  })
}

/** Without the brackets that a URL puts around an IPv6 address. */
export function hostOf(server: URL): string {
  return server.hostname.replace(/^\[(.*)\]$/, '$1')
}

function isExcepted(server: URL, list: string): boolean {
  const host = hostOf(server)
  const port = server.port || (server.protocol === 'http:' ? '80' : '443')
  return list.split(',').some((entry) => {
    const rule = entry.trim().toLowerCase()
    if (rule === '') return false
    if (rule === '*') return true
    if (rule.includes('/')) return within(host, rule)
    const [, name = rule, wanted] = /^(\[.*\]|[^:]*):(\d+)$/.exec(rule) ?? []
    if (wanted && wanted !== port) return false
    const bare = name.replace(/^\[(.*)\]$/, '$1')
    if (isIP(bare)) return within(host, `${bare}/${isIP(bare) === 6 ? 128 : 32}`)
    const domain = bare.replace(/^\*(?=\.)/, '')
    return host.endsWith(domain.startsWith('.') ? domain : `.${domain}`) || host === domain
  })
}

function within(host: string, range: string): boolean {
  const [network = '', bits = ''] = range.split('/')
  const family = isIP(network)
  if (isIP(host) === 0 || isIP(host) !== family || !/^\d+$/.test(bits)) return false
  if (Number(bits) > (family === 6 ? 128 : 32)) return false
  const type = family === 6 ? 'ipv6' : 'ipv4'
  const block = new BlockList()
  block.addSubnet(network, Number(bits), type)
  return block.check(host, type)
}

/** Keeps connections open: a switch asks every pod many times. */
export async function agentFor(server: URL, proxy: URL | null, tls: AgentOptions): Promise<Agent> {
  const options = { keepAlive: true, ...tls }
  if (proxy?.protocol.startsWith('socks')) {
    const { SocksProxyAgent } = await import('socks-proxy-agent')
    return new SocksProxyAgent(proxy, options)
  }
  if (proxy && !goesThroughProxies()) {
    throw refused({
      code: 'old-node',
      message: `Node ${process.version} cannot use the proxy ${proxy.host}.`,
      hint: 'Install Node 24.5 or later.',
    })
  }
  // Without NO_PROXY, which Node would match by other rules than Go.
  const proxyEnv = proxy ? { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } : undefined
  const Kind = server.protocol === 'http:' ? Agent : HttpsAgent
  return new Kind({ ...options, ...(proxyEnv && { proxyEnv }) })
}

function goesThroughProxies(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 24 || (major === 24 && minor >= 5)
}
