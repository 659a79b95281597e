// A registry of Amazon ECR: an image registry whose login, repositories and rules are made through AWS.
import type { Repository } from '@aws-sdk/client-ecr'
import { advised, afterChange, refused } from '../../../errors.ts'
import type { Scans } from '../../../release/ports/images.ts'
import { type Registry, type Scratch, tagTaken } from '../../../release/ports/project.ts'
import type { Mask } from '../../../release/ports/session.ts'
import type { Logins } from '../../registry/docker-logins.ts'
import { createEcrClient, type EcrClient, type EcrOptions, nameOf } from './client.ts'
import { lendLogin, type Password } from './docker-login.ts'
import { planPins, type StoredImage } from './pins.ts'
import { lifecycleRules, mayMove, movingTags } from './policy.ts'
import { createScans } from './scans.ts'

export interface Ecr {
  /** For the images themselves. */
  logins: Logins
  /** `images` reads and tags images, with `logins`. */
  registryOf(images: Registry): Registry
  scans: Scans
  /** Runs docker with a login. */
  withLogin<T>(use: (env: Record<string, string>) => Promise<T>): Promise<T>
}

export interface EcrRegistryOptions extends EcrOptions {
  host: string
  scratch: Scratch
}

export function createEcr({ host, scratch, ...options }: EcrRegistryOptions): Ecr {
  const ecr = createEcrClient(options)
  const login = () => passwordOf(ecr, options.mask)
  return {
    logins: async () => ({ ...(await login()), source: 'Amazon ECR', advice }),
    withLogin: async (use) => lendLogin(host, await login(), scratch, use),
    registryOf: (images) => registryOf(ecr, images),
    scans: createScans(ecr),
  }
}

const advice =
  'Add the missing rights on this repository to the policy of your AWS user or role (`registryRole` in shopctl.yaml), or use another one. Then run the command again.'

async function passwordOf(ecr: EcrClient, mask: Mask): Promise<Password> {
  const answer = await ecr.call((sdk, client, sending) =>
    client.send(new sdk.GetAuthorizationTokenCommand({}), sending),
  )
  const token = answer?.authorizationData?.[0]?.authorizationToken ?? ''
  const [, username, password] =
    /^([^:]+):(.+)$/s.exec(Buffer.from(token, 'base64').toString('utf8')) ?? []
  if (username && password) {
    mask(password)
    return { username, password }
  }
  throw refused({
    code: 'aws-error',
    message: 'Amazon ECR answered with a token that is no login.',
    hint: 'Run the command again.',
  })
}

function registryOf(ecr: EcrClient, images: Registry): Registry {
  const { account } = ecr
  const known = new Map<string, Promise<Repository | null>>()
  const find = (repository: string): Promise<Repository | null> => {
    const found = known.get(repository) ?? describe(ecr, nameOf(repository))
    known.set(repository, found)
    return found
  }
  return {
    ...images,
    async digest(repository, reference) {
      const found = await find(repository)
      if (!found) return null
      // Its tags are believed, so nobody may be able to move them.
      if (!reference.startsWith('sha256:') && mayMove(found, reference))
        throw tagsMove(ecr, nameOf(repository))
      return images.digest(repository, reference)
    },
    tag: (repository, digest, tag) => addTag(images, repository, digest, tag),
    async prepare(repository) {
      if (await find(repository)) return false
      const caller = await ecr.callerAccount()
      // ECR creates repositories in the account of the caller only.
      if (caller !== account) throw otherAccount(account, caller)
      await create(ecr, nameOf(repository))
      known.delete(repository)
      return true
    },
    async keep(repository, { env, id, digests }) {
      const name = nameOf(repository)
      const stored = await imagesOf(ecr, name)
      const { add, remove } = planPins({ images: stored, env, id, needed: digests })
      for (const [at, { digest, tag }] of add.entries())
        await addTag(images, repository, digest, tag).catch((error) => {
          throw at > 0 ? afterChange(error) : error
        })
      // A pin too many harms nothing: the next deploy removes it.
      await unpin(ecr, name, remove).catch(() => {})
      return add.length + remove.length > 0
    },
  }
}

/** A tag that does not move cannot be written twice, not even with the same image. */
async function addTag(
  images: Registry,
  repository: string,
  digest: string,
  tag: string,
): Promise<void> {
  try {
    await images.tag(repository, digest, tag)
  } catch (error) {
    const found = await images.digest(repository, tag).catch(() => null)
    if (found === digest) return
    throw found === null ? error : tagTaken(`${repository}:${tag}`, found)
  }
}

async function describe(ecr: EcrClient, name: string): Promise<Repository | null> {
  const input = { registryId: ecr.account, repositoryNames: [name] }
  const answer = await ecr.call(
    (sdk, client, sending) => client.send(new sdk.DescribeRepositoriesCommand(input), sending),
    ['RepositoryNotFoundException'],
  )
  return answer?.repositories?.[0] ?? null
}

async function create(ecr: EcrClient, name: string): Promise<void> {
  const { account: registryId } = ecr
  await ecr.change(
    (sdk, client, sending) =>
      client.send(
        new sdk.CreateRepositoryCommand({
          registryId,
          repositoryName: name,
          imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
          imageTagMutabilityExclusionFilters: movingTags.map((filter) => ({
            filterType: 'WILDCARD',
            filter,
          })),
          encryptionConfiguration: { encryptionType: 'AES256' },
        }),
        sending,
      ),
    // Another run has just created it.
    ['RepositoryAlreadyExistsException'],
  )
  await setRules(ecr, name).catch((error) => {
    throw advised(
      afterChange(error),
      `Delete the repository with \`aws ecr delete-repository --region ${ecr.region} --repository-name ${name}\`: the next push creates it anew, with its lifecycle policy.`,
    )
  })
}

async function setRules(ecr: EcrClient, name: string): Promise<void> {
  const lifecyclePolicyText = JSON.stringify({ rules: lifecycleRules })
  const input = { registryId: ecr.account, repositoryName: name, lifecyclePolicyText }
  await ecr.change((sdk, client, sending) =>
    client.send(new sdk.PutLifecyclePolicyCommand(input), sending),
  )
}

async function imagesOf(ecr: EcrClient, name: string): Promise<StoredImage[]> {
  const input = { registryId: ecr.account, repositoryName: name }
  const found = await ecr.call(async (sdk, client, sending) => {
    const images: StoredImage[] = []
    const pages = sdk.paginateDescribeImages({ client, pageSize: 1000 }, input, sending)
    for await (const page of pages)
      for (const { imageDigest: digest, imageTags: tags = [] } of page.imageDetails ?? [])
        if (digest) images.push({ digest, tags })
    return images
  })
  return found ?? []
}

/** ECR takes up to 100 at once. */
const batch = 100

async function unpin(ecr: EcrClient, name: string, tags: readonly string[]): Promise<void> {
  for (let from = 0; from < tags.length; from += batch) {
    const imageIds = tags.slice(from, from + batch).map((imageTag) => ({ imageTag }))
    const input = { registryId: ecr.account, repositoryName: name, imageIds }
    await ecr.change((sdk, client, sending) =>
      client.send(new sdk.BatchDeleteImageCommand(input), sending),
    )
  }
}

function tagsMove(ecr: EcrClient, name: string): Error {
  const { region } = ecr
  const filters = movingTags.map((filter) => `'filterType=WILDCARD,filter=${filter}'`).join(' ')
  return refused({
    code: 'tags-move',
    message: `The tags of ${name} in Amazon ECR may be moved, so shopctl cannot believe them.`,
    hint: `Run \`aws ecr put-image-tag-mutability --region ${region} --repository-name ${name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters ${filters}\`.`,
  })
}

function otherAccount(account: string, caller: string | undefined): Error {
  return refused({
    code: 'aws-account',
    message: `The registry is in the AWS account ${account}, and your credentials are of ${caller ?? 'another one'}: only there a repository can be created.`,
    hint: 'Name a role of that account with `registryRole` in shopctl.yaml, or set AWS_PROFILE.',
  })
}
