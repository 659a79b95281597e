// Where AWS's services answer.
import { refused } from '../../errors.ts'

export type Service = 'ecr' | 'eks' | 'sts'

type Environment = Readonly<Record<string, string | undefined>>

/** AWS_ENDPOINT_URL, or that of the service, leads to a proxy or a simulator. null: the SDK knows where. */
export function givenEndpoint(service: Service, env: Environment): URL | null {
  const names = [`AWS_ENDPOINT_URL_${service.toUpperCase()}`, 'AWS_ENDPOINT_URL']
  const name = names.find((each) => env[each])
  const given = name && env[name]
  if (!given) return null
  const url = URL.parse(given)
  if (url) return url
  throw refused({
    code: 'bad-endpoint',
    message: `${name} is no address: "${given}".`,
    hint: 'Unset it, or write https:// and a host.',
  })
}

/** As AWS's own programs choose it. */
export function endpointOf(service: Service, region: string, env: Environment): URL {
  const host = service === 'ecr' ? 'api.ecr' : service
  return givenEndpoint(service, env) ?? new URL(`https://${host}.${region}.${suffixOf(region)}`)
}

function suffixOf(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn'
  return region.startsWith('eusc-') ? 'amazonaws.eu' : 'amazonaws.com'
}
