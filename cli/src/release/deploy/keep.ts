// Keeps the images that an environment needs from being deleted by the registry's own rules.
import { repositoryOf } from '../build/images.ts'
import type { Registry } from '../ports/project.ts'
import { moveOf, movesOf, openMove } from '../record.ts'
import { settleChanges } from '../settle.ts'
import { colors } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'
import type { DesireInput } from './desire.ts'
import type { DeployPlan } from './plan.ts'

/**
 * Before the first write, so that no pod starts from an image that is about to be deleted. What is kept: the slots of
 * each service of the plan, the wanted image, and all that `rollback --to` may go back to. `id`: `op-12`. Returns whether
 * that changed anything.
 */
export async function keepImages(
  registry: Registry,
  { config, registryAddress, env }: Pick<DesireInput, 'config' | 'registryAddress' | 'env'>,
  { state, plan }: { state: EnvironmentState; plan: Pick<DeployPlan, 'steps'> },
  id: string,
): Promise<boolean> {
  const { changed } = await settleChanges((kept) =>
    plan.steps.map(async ({ service, wanted }) => {
      const digests = [...new Set([wanted.digest, ...digestsOf(state, service)])]
      const repository = repositoryOf({ config, registryAddress }, service)
      if (await registry.keep(repository, { env, id, digests })) kept()
    }),
  )
  return changed
}

function digestsOf({ services, journal }: EnvironmentState, service: string): string[] {
  const slots = colors.map((color) => services[service]?.slots[color])
  const open = openMove(journal)
  const moves = [...movesOf(journal), ...(open ? [open] : [])].map((each) => moveOf(each, service))
  return [...slots, ...moves.flatMap((move) => [move?.from, move?.to])].flatMap((side) =>
    side ? [side.digest] : [],
  )
}
