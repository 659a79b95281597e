// Whether Argo CD has the Applications of an environment, as `gitops init` makes them; pure.
import type { Application, Owner } from '../../adapters/kubernetes/applications.ts'
import { type ErrorDetail, refused, type ShopctlError } from '../../errors.ts'
import { colors, slotName } from '../../release/slot.ts'
import { servicesFolder, slotFolder } from './layout.ts'
import { servicesApplication, slotApplication } from './manifests.ts'
import { isSameRepository, shownPlace } from './place.ts'

/** The branch that all of them follow, and its repository as Argo CD reaches it. */
export interface Followed {
  url: string
  branch: string
}

export interface Expected {
  name: string
  path: string
}

/** Those of an environment. */
export function expectedOf(owner: Owner, services: readonly string[]): Expected[] {
  const slots = services.flatMap((service) =>
    colors.map((color) => ({
      name: slotApplication(owner, slotName(service, color)),
      path: slotFolder(owner.env, service, color),
    })),
  )
  return [sharedOf(owner), ...slots]
}

/** That of all Services. */
export function sharedOf(owner: Owner): Expected {
  return { name: servicesApplication(owner), path: servicesFolder(owner.env) }
}

/** null: nothing is wrong with them. */
export function problemOf(
  found: readonly Application[],
  expected: readonly Expected[],
  followed: Followed,
): ShopctlError | null {
  const [first] = mistakesIn(found, expected, followed)
  return first ? refused(first) : null
}

/** The release that has done without git, for as long as Argo CD must not undo that. null: none. */
export function emergencyIn(found: readonly Application[]): string | null {
  return found.find(({ emergency }) => emergency !== null)?.emergency ?? null
}

/** `gitops init` turns on the syncs, and git does not say yet what an emergency has made live. */
export const endsEmergency =
  'The next `shopctl deploy`, `shopctl switch` or `shopctl rollback` writes to git what is live, and ends that.'

/** What is wrong with them. */
export function mistakesIn(
  found: readonly Application[],
  expected: readonly Expected[],
  followed: Followed,
): ErrorDetail[] {
  const missing = expected.filter(({ name }) => !found.some((each) => each.name === name))
  const names = missing.map(({ name }) => name).join(', ')
  const hintOf = (hint: string): string =>
    emergencyIn(found) === null ? hint : `${endsEmergency} Then run \`shopctl gitops init\`.`
  const gone = {
    code: 'application-missing',
    message: `Argo CD has no Application ${names}.`,
    hint: hintOf('Run `shopctl gitops init`: it writes what is missing.'),
  }
  const different = expected.flatMap(({ name, path }) => {
    const application = found.find((each) => each.name === name)
    const why = application && wrongIn(application, path, followed)
    if (!why) return []
    return [
      {
        code: 'application-differs',
        message: `The Application ${name} of Argo CD ${why}.`,
        hint: hintOf(
          'Put it back with `shopctl gitops init`, or by hand, then run the command again.',
        ),
      },
    ]
  })
  return [...(missing.length > 0 ? [gone] : []), ...different]
}

function wrongIn(
  { source, automatic, emergency }: Application,
  path: string,
  { url, branch }: Followed,
): string | null {
  if (!isSameRepository(source.url, url)) {
    const found = source.url === '' ? 'no repository' : shownPlace(source.url)
    return `follows ${found}, not ${shownPlace(url)}`
  }
  if (source.branch !== branch) return `follows ${source.branch || 'no branch'}, not ${branch}`
  if (source.path !== path) return `follows the folder ${source.path}, not ${path}`
  if (emergency !== null) return null
  if (!automatic.sync) return 'does not sync by itself'
  if (!automatic.selfHeal) return 'does not heal: what somebody changes in the cluster would stay'
  if (!automatic.prune) return 'does not prune: a slot that is removed would stay'
  return null
}
