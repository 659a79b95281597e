// GitHub's API for deployments, as far as shopctl calls it, on this machine.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { listen } from '../fakes/token-server.ts'

export interface Deployment {
  id: number
  environment: string
  payload: unknown
  /** From the first to the last. */
  states: string[]
}

export interface GitHub {
  /** `http://127.0.0.1:PORT` */
  url: string
  deployments: readonly Deployment[]
  stop(): void
}

const newDeployment = z.object({ environment: z.string(), payload: z.unknown() })
const newStatus = z.object({ state: z.string() })

/** It knows one repository and one token. */
export async function startGitHub(repository: string, token: string): Promise<GitHub> {
  const deployments: Deployment[] = []
  const server = createServer(async (request, response) => {
    const answer = (code: number, content: unknown): void =>
      void response.writeHead(code).end(JSON.stringify(content))
    const body = await text(request)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    if (request.headers.authorization !== `Bearer ${token}`) return answer(401, {})
    const [path, id, rest] = pathname.split(/\/deployments(?:\/(\d+))?/)
    if (path !== `/repos/${repository}`) return answer(404, {})
    if (request.method === 'GET') {
      const of = searchParams.get('environment')
      return answer(200, deployments.filter(({ environment }) => environment === of).reverse())
    }
    if (id === undefined) {
      const made = { id: deployments.length + 1, ...newDeployment.parse(JSON.parse(body)) }
      deployments.push({ ...made, states: [] })
      return answer(201, made)
    }
    if (rest !== '/statuses') return answer(404, {})
    deployments[Number(id) - 1]?.states.push(newStatus.parse(JSON.parse(body)).state)
    answer(201, { id: 1 })
  })
  const url = `http://${await listen(server)}`
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { url, deployments, stop }
}
