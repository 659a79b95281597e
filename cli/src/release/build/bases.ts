// The base images of an image: labels that keep their digests, and whether newer ones are there.
import { isInterrupted } from '../../errors.ts'
import type { BaseImage, ImageBuilder, Labels } from '../ports/project.ts'

const label = 'dev.shopctl.bases'

/** A Dockerfile may have several bases. OCI's own keys are for one. */
export function baseLabels(bases: readonly BaseImage[]): Labels {
  const [base] = bases
  return {
    ...(base && { [label]: bases.map(({ name, digest }) => `${name}@${digest}`).join(' ') }),
    ...(base &&
      bases.length === 1 && {
        'org.opencontainers.image.base.name': base.name,
        'org.opencontainers.image.base.digest': base.digest,
      }),
  }
}

function basesOf(labels: Labels): BaseImage[] {
  return (labels[label] ?? '').split(' ').flatMap((text) => {
    const [name, digest] = text.split('@')
    return name && digest ? [{ name, digest }] : []
  })
}

/** The names of the bases of which the registry has newer ones. It is only advice: what cannot be asked is left out. */
export async function newerBases(
  builder: Pick<ImageBuilder, 'newestBase'>,
  labels: Labels,
): Promise<string[]> {
  const bases = basesOf(labels)
  const newest = await Promise.all(
    bases.map(({ name }) =>
      builder.newestBase(name).catch((error) => {
        if (isInterrupted(error)) throw error
        return null
      }),
    ),
  )
  return bases
    .filter(({ digest }, index) => newest[index] && newest[index] !== digest)
    .map(({ name }) => name)
}

export function newerNote(service: string, name: string): string {
  return `${service}: a newer ${name} is there; \`shopctl build --no-cache --service ${service}\` builds with it`
}
