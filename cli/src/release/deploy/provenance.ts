// An environment may ask for the provenance of each image: signed by its workflow, from its repository.
import type { ProvenanceConfig } from '../../config/gates.ts'
import type { Config, EnvironmentConfig } from '../../config/schema.ts'
import { checkPath } from '../paths.ts'
import type { Attestation, Attestations, TrustedRoots, Untrusted } from '../ports/images.ts'
import type { Registry, Source } from '../ports/project.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type ImageOf, refuseAll } from './images.ts'

export interface ProvenancePorts {
  registry: Registry
  attestations: Attestations
  source: Source
}

interface ProvenanceInput {
  config: Config
  env: string
  environment: EnvironmentConfig
}

/** As actions/attest pushes it to a registry. */
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const provenanceType = 'https://slsa.dev/provenance/v1'
const github = 'https://github.com'
const githubIssuer = 'https://token.actions.githubusercontent.com'

/** Refused unless each image has a provenance as the environment wants it. */
export async function requireProvenance(
  { registry, attestations, source }: ProvenancePorts,
  { config, env, environment: { provenance } }: ProvenanceInput,
  images: readonly ImageOf[],
): Promise<void> {
  if (!provenance || images.length === 0) return
  const roots = await readRoots(source, config, env, provenance)
  const problems = await settleAll(
    images.map(async (image) => {
      const bundles = await registry.referrers(image.repository, image.digest, bundleType)
      return judgeProvenance(provenance, image, await attestations.verify(bundles, roots))
    }),
  )
  refuseAll(problems)
}

async function readRoots(
  source: Source,
  config: Config,
  env: string,
  { trustedRoot: path }: ProvenanceConfig,
): Promise<TrustedRoots | null> {
  if (path === undefined) return null
  const setting = ['environments', env, 'provenance', 'trustedRoot']
  const named = { setting, path, noun: 'trusted root', code: 'no-trusted-root', links: true }
  await checkPath(source, config, { ...named, is: 'file' })
  return { file: path, text: (await source.read(path)).toString('utf8') }
}

/** One good attestation is enough: anybody who may push to the registry can add others. Pure. */
export function judgeProvenance(
  wanted: ProvenanceConfig,
  image: ImageOf,
  found: readonly (Attestation | Untrusted)[],
): Refusal | null {
  const lacks = found.map((each) => lackOf(wanted, image.digest, each))
  if (lacks.includes(null)) return null
  // The one that lacks least says most.
  const [least] = lacks.flatMap((lack) => lack ?? []).sort((one, other) => other.rank - one.rank)
  const { service, repository, digest } = image
  const name = `${service} (${digest.slice(0, 19)}…)`
  if (!least) {
    return refuse(
      'no-provenance',
      `${name} has no provenance in ${repository}.`,
      `Deploy an image that ${wanted.workflow} built and attested with \`push-to-registry: true\`.`,
    )
  }
  return refuse(least.code, `The provenance of ${name} ${least.what}.`, least.hint)
}

interface Lack {
  rank: number
  code: string
  what: string
  hint: string
}

function lackOf(
  { repository, workflow }: ProvenanceConfig,
  digest: string,
  found: Attestation | Untrusted,
): Lack | null {
  if (found.kind === 'untrusted') {
    return {
      rank: 0,
      code: 'provenance-untrusted',
      what: `cannot be trusted: ${found.why}`,
      hint: 'For a private repository, keep the roots of GitHub in a file (`gh attestation trusted-root > trusted-root.jsonl`) and name it with `trustedRoot`. Otherwise do not deploy this image.',
    }
  }
  const other = (rank: number, what: string): Lack => ({
    rank,
    what,
    code: 'provenance-differs',
    hint: `Deploy an image that ${workflow} built from ${repository}, or correct \`provenance\` in shopctl.yaml.`,
  })
  if (found.predicateType !== provenanceType)
    return other(1, `is of another type, ${found.predicateType}`)
  if (!found.subjects.includes(digest)) return other(2, 'is for another image')
  if (found.issuer !== githubIssuer)
    return other(3, `was signed by a user of ${found.issuer}, not by GitHub Actions`)
  if (found.signer !== `${github}/${workflow}`)
    return other(4, `was signed by ${shortened(found.signer)}, not by ${workflow}`)
  if (found.repository !== `${github}/${repository}`)
    return other(5, `names the source ${shortened(found.repository ?? 'none')}, not ${repository}`)
  return null
}

function shortened(uri: string): string {
  return uri.startsWith(`${github}/`) ? uri.slice(github.length + 1) : uri
}
