// Tokens for the management port of pods. They belong to the ServiceAccount `<service>-operator`, which has no rights, so
// that a pod cannot use them for anything else.
import { z } from 'zod'
import type { Mask } from '../../release/ports/session.ts'
import type { KubernetesApi } from './api.ts'

/** null: the service has no such ServiceAccount. Throws when this user may not create its tokens. */
export type OperatorTokens = (service: string) => Promise<string | null>

/** The shortest life that the API server allows. */
const lifeSeconds = 600
const renewAfterMs = 480_000

const answer = z.object({ status: z.object({ token: z.string() }) })

export function operatorName(service: string): string {
  return `${service}-operator`
}

export function createOperatorTokens(
  api: KubernetesApi,
  namespace: string,
  monotonic: () => number,
  mask: Mask,
): OperatorTokens {
  const kept = new Map<string, { token: Promise<string | null>; renewAt: number }>()
  const create = async (service: string): Promise<string | null> => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${operatorName(service)}/token`
    const body = JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: lifeSeconds },
    })
    const headers = { 'content-type': 'application/json' }
    const request = { method: 'POST', path, headers, body, retry: 'write' as const }
    const { status, body: content } = await api.ask(request)
    if (status === 404) return null
    if (status >= 300) throw api.errorOf(status, 'POST', path, content)
    const { token } = answer.parse(JSON.parse(content)).status
    mask(token)
    return token
  }
  return (service) => {
    const known = kept.get(service)
    if (known && monotonic() < known.renewAt) return known.token
    const token = create(service)
    kept.set(service, { token, renewAt: monotonic() + renewAfterMs })
    token.catch(() => kept.delete(service))
    return token
  }
}
