// build: builds the images in parallel. An image that the registry or the local engine already has is not built.
import type { Config } from '../../config/schema.ts'
import { failed, refused } from '../../errors.ts'
import { programFailed } from '../last-lines.ts'
import { checkPath, type NamedPath } from '../paths.ts'
import type {
  ImageBuilder,
  Labels,
  Programs,
  PushRecord,
  Registry,
  Source,
} from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { findPushed } from '../push/push.ts'
import { settleChanges } from '../settle.ts'
import { baseLabels, newerBases, newerNote } from './bases.ts'
import { type Caching, cacheWarning, createCaching } from './cache.ts'
import { eventLabels } from './events.ts'
import {
  describeImages,
  type Image,
  inputsLabel,
  labelsOf,
  requireService,
  type TreeInput,
} from './images.ts'
import { changesBetween } from './inputs.ts'

export interface Built {
  image: Image
  /** Where the image was found; `built`: it was built now. */
  from: 'registry' | 'engine' | 'built'
}

export interface BuildPorts {
  source: Source
  builder: ImageBuilder
  registry: Registry
  pushed: PushRecord
  programs: Programs
  progress: Progress
  signal: AbortSignal
}

export interface BuildInput extends TreeInput {
  /** Build every image, without the cache and from the newest base images. */
  noCache?: boolean
}

export async function build(ports: BuildPorts, input: BuildInput): Promise<Built[]> {
  const images = await describeImages(ports.source, input)
  const { values } = await settleChanges((changed) => {
    const caching = createCaching(ports, changed)
    const noted = { ...ports, builder: noteCaches(ports.builder, changed) }
    return images.map((image) => buildOne(noted, input, image, caching))
  })
  return values
}

/** Calls `changed` when a build may have written a cache. */
function noteCaches(builder: ImageBuilder, changed: () => void): ImageBuilder {
  return {
    ...builder,
    async solve(what) {
      const solved = await builder.solve(what)
      if (what.cache.to !== null) changed()
      return solved
    },
  }
}

async function buildOne(
  ports: BuildPorts,
  input: BuildInput,
  image: Image,
  caching: Caching,
): Promise<Built> {
  const { builder, pushed, progress } = ports
  const { service, version } = image
  const found = input.noCache ? null : await findImage(ports, image)
  if (found) {
    const { from, labels } = found
    for (const name of await newerBases(builder, labels)) progress.note(newerNote(service, name))
    return { image, from }
  }
  if (input.noCache && image.immutableTags && (await findPushed(ports, image)))
    throw tagStays(image)
  await progress.step(`build ${service} ${version}`, () => make(ports, input, image, caching))
  // What the registry has for these inputs is out of date now.
  if (input.noCache) await pushed.forget(image.repository, image.inputs)
  return { image, from: 'built' }
}

async function findImage(
  ports: BuildPorts,
  image: Image,
): Promise<{ from: 'registry' | 'engine'; labels: Labels } | null> {
  const { builder, registry } = ports
  const digest = await findPushed(ports, image)
  if (digest) {
    // They are for advice only.
    const labels = await registry.labels(image.repository, digest).catch(() => ({}))
    return { from: 'registry', labels }
  }
  const labels = await builder.labels(`${image.repository}:${image.inputsTag}`)
  return labels?.[inputsLabel] === image.inputs ? { from: 'engine', labels } : null
}

/** The image gets its tags last: the work tree may change during a build. */
async function make(
  ports: BuildPorts,
  input: BuildInput,
  image: Image,
  caching: Caching,
): Promise<void> {
  const { builder, progress } = ports
  const { service, repository, version, inputsTag } = image
  const { context, prepare, events } = requireService(input.config, service).build
  if (prepare) {
    await runPreparation(ports, service, prepare)
    await checkUnmoved(ports, input, image, `\`${prepare.join(' ')}\``)
  }
  await checkContext(ports.source, input, service)
  const fresh = input.noCache === true
  const cache = await caching(image, fresh)
  const { bases, cacheProblems } = await builder.solve({ context, fresh, cache })
  const known = events === undefined ? {} : await readEvents(ports.source, input.config, service)
  const labels = { ...labelsOf(image), ...known, ...baseLabels(bases) }
  const built = await builder.build({ context, labels, cacheFrom: cache.from })
  for (const problem of new Set([...cacheProblems, ...built.cacheProblems]))
    progress.warn(cacheWarning(image, problem))
  await checkUnmoved(ports, input, image, '`docker build`')
  if (JSON.stringify(built.bases) !== JSON.stringify(bases)) throw baseMoved(service)
  await builder.tag(built.id, [`${repository}:${inputsTag}`, `${repository}:${version}`])
}

async function runPreparation(
  { programs, signal }: BuildPorts,
  service: string,
  prepare: readonly string[],
): Promise<void> {
  const finished = await programs.run(prepare, signal)
  if (finished.exitCode === 0) return
  const hint = `Fix the command or \`services.${service}.build.prepare\` in shopctl.yaml, then run \`shopctl build\` again.`
  throw failed({ code: 'prepare-failed', ...programFailed(prepare.join(' '), finished, hint) })
}

/** The preparation may have made it. */
async function checkContext(source: Source, { config }: BuildInput, service: string) {
  const { context } = requireService(config, service).build
  const setting = ['services', service, 'build', 'context']
  const named: NamedPath = {
    setting,
    path: context,
    noun: 'folder',
    is: 'folder',
    code: 'no-context',
    links: false,
  }
  await checkPath(source, config, named)
  const path = context === '.' ? 'Dockerfile' : `${context}/Dockerfile`
  await checkPath(source, config, { ...named, path, noun: 'file', is: 'file', links: true })
}

/** The preparation has written the file. */
async function readEvents(source: Source, config: Config, service: string): Promise<Labels> {
  const { events: path = '' } = requireService(config, service).build
  const setting = ['services', service, 'build', 'events']
  const named: NamedPath = {
    setting,
    path,
    noun: 'file',
    is: 'file',
    code: 'no-events',
    links: true,
  }
  await checkPath(source, config, named)
  return eventLabels(path, (await source.read(path)).toString('utf8'))
}

/** The image may be of neither state of the tree. */
async function checkUnmoved(
  { source }: BuildPorts,
  input: BuildInput,
  image: Image,
  during: string,
): Promise<void> {
  const [now] = await describeImages(source, { ...input, services: [image.service] })
  if (!now || now.inputs === image.inputs) return
  const files = changesBetween(image.files, now.files)
  const more = files.length > 3 ? ` and ${files.length - 3} more` : ''
  throw refused({
    code: 'inputs-moved',
    message: `${image.service} was not built: ${files.slice(0, 3).join(', ')}${more} changed during ${during}.`,
    hint: 'Run the command again. If the command writes such a file itself, let it write to a folder named `dist`, or let git ignore the file.',
  })
}

function baseMoved(service: string): Error {
  return failed({
    code: 'base-moved',
    message: `${service} was not built: its base image changed in its registry during the build.`,
    hint: 'Run the command again.',
  })
}

function tagStays({ service, repository, inputsTag }: Image): Error {
  return refused({
    code: 'tag-taken',
    message: `The registry has ${repository}:${inputsTag}, and does not move tags.`,
    hint: `Change an input of ${service}: for example, name the base image in its Dockerfile by digest.`,
  })
}
