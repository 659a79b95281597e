// Where AWS's services answer.
import { refused } from '../../errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** As AWS's own programs choose it. AWS_ENDPOINT_URL, or that of the service, leads to a proxy or a simulator. */
export function endpointOf(service: 'eks' | 'sts', region: string, env: Environment): URL {
  const given = env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] || env.AWS_ENDPOINT_URL
  const address = given || `https://${service}.${region}.${suffixOf(region)}`
  const url = URL.parse(address)
  if (url) return url
  throw refused({
    code: 'bad-endpoint',
    message: `AWS_ENDPOINT_URL is no address: "${address}".`,
    hint: 'Unset it, or write https:// and a host.',
  })
}

function suffixOf(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn'
  return region.startsWith('eusc-') ? 'amazonaws.eu' : 'amazonaws.com'
}
