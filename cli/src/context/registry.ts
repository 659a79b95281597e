// The image registry of an environment: Amazon ECR, or any other with the logins that docker has.
import { createEcr, type Ecr } from '../adapters/aws/ecr/ecr.ts'
import { createDockerLogins } from '../adapters/registry/docker-logins.ts'
import { createRegistry } from '../adapters/registry/registry.ts'
import { createScratch } from '../adapters/scratch.ts'
import type { Limit, Shell } from '../adapters/shell.ts'
import { ecrAddress } from '../config/registry.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { Scans } from '../release/ports/images.ts'
import type { Registry } from '../release/ports/project.ts'
import type { Mask } from '../release/ports/session.ts'
import { agentOf } from './agents.ts'

interface RegistryOptions {
  limits: { request: Limit; tools: Limit }
  mask: Mask
  signal: AbortSignal
}

export interface RegistryAccess {
  registry: Registry
  /** null: it has no scans that shopctl knows. */
  scans: Scans | null
  /** For docker, where its own logins do not serve. */
  withLogin?: Ecr['withLogin']
}

export function accessRegistry(
  shell: Shell,
  { cluster }: EnvironmentConfig,
  { limits: { request: limit, tools }, mask, signal }: RegistryOptions,
): RegistryAccess {
  const options = { limit, agentOf, mask, signal }
  const address = cluster === 'embedded' ? null : ecrAddress(cluster.registry)
  if (cluster === 'embedded' || !address) {
    const logins = createDockerLogins(shell, { limit: tools, mask, signal })
    return { registry: createRegistry({ ...options, logins }), scans: null }
  }
  const { env } = process
  const role = cluster.registryRole ?? null
  const ecr = createEcr({ ...options, ...address, role, env, scratch: createScratch() })
  const images = createRegistry({ ...options, logins: ecr.logins })
  return { registry: ecr.registryOf(images), scans: ecr.scans, withLogin: ecr.withLogin }
}
