// Whether Argo CD has the Applications of an environment, as `gitops init` makes them; pure.
import type { Application } from '../../adapters/kubernetes/applications.ts'
import { type ErrorDetail, refused, type ShopctlError } from '../../errors.ts'
import { colors, slotName } from '../../release/slot.ts'
import { servicesFolder, slotFolder } from './layout.ts'
import { servicesApplication, slotApplication } from './manifests.ts'

export interface Expected {
  name: string
  path: string
}

/** Those of an environment. */
export function expectedOf(env: string, services: readonly string[]): Expected[] {
  const slots = services.flatMap((service) =>
    colors.map((color) => ({
      name: slotApplication(env, slotName(service, color)),
      path: slotFolder(env, service, color),
    })),
  )
  return [sharedOf(env), ...slots]
}

/** That of all Services. */
export function sharedOf(env: string): Expected {
  return { name: servicesApplication(env), path: servicesFolder(env) }
}

/** null: nothing is wrong with them. */
export function problemOf(
  found: readonly Application[],
  expected: readonly Expected[],
  branch: string,
): ShopctlError | null {
  const [first] = mistakesIn(found, expected, branch)
  return first ? refused(first) : null
}

/** What is wrong with them. */
export function mistakesIn(
  found: readonly Application[],
  expected: readonly Expected[],
  branch: string,
): ErrorDetail[] {
  const missing = expected.filter(({ name }) => !found.some((each) => each.name === name))
  const names = missing.map(({ name }) => name).join(', ')
  const gone = {
    code: 'application-missing',
    message: `Argo CD has no Application ${names}.`,
    hint: 'Run `shopctl gitops init`: it writes what is missing.',
  }
  const different = expected.flatMap(({ name, path }) => {
    const application = found.find((each) => each.name === name)
    const why = application && wrongIn(application, path, branch)
    if (!why) return []
    return [
      {
        code: 'application-differs',
        message: `The Application ${name} of Argo CD ${why}.`,
        hint: 'Put it back with `shopctl gitops init`, or by hand, then run the command again.',
      },
    ]
  })
  return [...(missing.length > 0 ? [gone] : []), ...different]
}

function wrongIn(
  { source, automatic, emergency }: Application,
  path: string,
  branch: string,
): string | null {
  if (source.branch !== branch) return `follows ${source.branch || 'no branch'}, not ${branch}`
  if (source.path !== path) return `follows the folder ${source.path}, not ${path}`
  if (emergency !== null) return null
  if (!automatic.sync) return 'does not sync by itself'
  if (!automatic.prune) return 'does not prune: a slot that is removed would stay'
  return null
}
