// A git server on loopback: git's own http-backend behind basic authentication.
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Answers a request instead of git, or lets git answer: undefined. `drop`: git answers, and nobody hears it. */
export type Answer = (path: string) => number | 'drop' | 'silent' | undefined

export interface GitServer {
  /** `http://127.0.0.1:port` */
  origin: string
  /** Of all requests that came since the last call. */
  requests(): string[]
  /** undefined: git answers all. */
  answer(answer: Answer | undefined): void
  stop(): Promise<void>
}

/** `root` has the repositories. `token`: the password of any user. */
export async function startGitServer(root: string, token: string): Promise<GitServer> {
  let special: Answer | undefined
  let seen: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const isIn = passwordOf(request) === token
    seen.push(`${request.method} ${path}`)
    const answer = isIn ? special?.(path) : 401
    if (answer === 'silent') return
    if (typeof answer === 'number') {
      const challenge = answer === 401 ? { 'www-authenticate': 'Basic realm="git"' } : {}
      response.writeHead(answer, { 'content-type': 'text/plain', ...challenge })
      response.end(answer === 403 ? 'This token may only read.\n' : '')
      return
    }
    serve(root, request, response, answer === 'drop')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests() {
      const found = seen
      seen = []
      return found
    },
    answer(answer) {
      special = answer
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function passwordOf({ headers }: IncomingMessage): string {
  const [, encoded = ''] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? []
  return Buffer.from(encoded, 'base64').toString().replace(/^.*?:/s, '')
}

function serve(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  isDropped: boolean,
): void {
  const { pathname, search } = new URL(request.url ?? '', 'http://localhost')
  const { headers } = request
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      // Anybody may own the folder.
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      CONTENT_LENGTH: headers['content-length'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      REMOTE_USER: 'git',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  request.pipe(child.stdin)
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  child.stdin.on('error', () => {})
  child.once('close', () => {
    if (isDropped) {
      request.socket.destroy()
      return
    }
    const all = Buffer.concat(parts)
    const end = all.indexOf('\r\n\r\n')
    const fields = all
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(': '))
    const found = Object.fromEntries(fields) as Record<string, string>
    const { Status = '200', ...rest } = found
    response.writeHead(Number.parseInt(Status, 10), rest)
    response.end(all.subarray(end + 4))
  })
}
