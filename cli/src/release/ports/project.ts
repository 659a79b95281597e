// The project on this machine: its work tree, images, programs and scripts.
import { refused } from '../../errors.ts'

/** The work tree that images are built from. */
export interface Source {
  /** The full hash of HEAD. null: there is no commit yet. */
  commit(): Promise<string | null>
  /** Tracked and untracked files below `paths` that git does not ignore, relative to the root, sorted. */
  files(paths: readonly string[]): Promise<string[]>
  /** The files below `paths` that differ from HEAD. */
  changed(paths: readonly string[]): Promise<string[]>
  /** The content of a file, or of the file that a link leads to. Refused where a link leads out of the root. */
  read(file: string): Promise<Buffer>
  /** What git would store: a mode, and the content of a file or the target of a link. */
  entry(file: string): Promise<TreeEntry>
  /** Where a path leads, through all links. null: there is nothing. */
  follow(path: string): Promise<Followed | null>
}

interface TreeEntry {
  mode: '100644' | '100755' | '120000'
  content: Buffer
}

interface Followed {
  is: 'file' | 'folder' | 'other'
  /** Relative to the root. null: it leads out of it. */
  path: string | null
}

/** Builds images into the local engine and pushes them. `repository` is `host:port/path/name`. */
export interface ImageBuilder {
  /** The labels of a local image. null: there is no such image. */
  labels(reference: string): Promise<Labels | null>
  /** Whether the builder that the user has chosen can write a cache to a registry. */
  writesCache(): Promise<boolean>
  /**
   * Runs the steps of the Dockerfile. `fresh`: without the builder's own cache, and from the newest base images. A cache in
   * the registry that cannot be used is no failure.
   */
  solve(image: { context: string; fresh: boolean; cache: BuildCache }): Promise<Solved>
  /** Builds an image without a tag. Returns its id. */
  build(image: {
    context: string
    labels: Labels
    cacheFrom: string | null
  }): Promise<Solved & { id: string }>
  tag(id: string, references: readonly string[]): Promise<void>
  /** Returns the digest in the registry. */
  push(reference: string): Promise<string>
  /** The digest that a base image has in its registry now. null: unknown. */
  newestBase(name: string): Promise<string | null>
}

/** The cache of a build in the registry: `host/path/name:cache`. null: none. */
export interface BuildCache {
  /** Read before the build. */
  from: string | null
  /** Written after the build. */
  to: string | null
}

export interface Solved {
  /** The base images that the Dockerfile used by a name that may move. */
  bases: BaseImage[]
  /** What went wrong with the cache in the registry: `could not be read: …`. */
  cacheProblems: string[]
}

export type Labels = Readonly<Record<string, string>>

export interface BaseImage {
  /** `docker.io/library/node:24` */
  name: string
  /** `sha256:…` */
  digest: string
}

/** An image registry. */
export interface Registry {
  /** `sha256:…` of a tag or of a digest; null: there is no such image. */
  digest(repository: string, reference: string): Promise<string | null>
  /** The labels of an image. Its content is checked against the digest. */
  labels(repository: string, digest: string): Promise<Labels>
  /**
   * The content of each artifact of this type that refers to an image, as text, checked against its digest. Anybody who
   * may push can add one.
   */
  referrers(repository: string, digest: string, artifactType: string): Promise<string[]>
  /** Adds a tag to an image in the registry. Throws `tagTaken` where the registry does not move it. */
  tag(repository: string, digest: string, tag: string): Promise<void>
  /** Before a push: creates the repository where a push does not. Returns whether it did. */
  prepare(repository: string): Promise<boolean>
  /**
   * Keeps the registry's own rules from deleting these images, and no longer those that were kept before. Returns whether
   * that changed anything.
   */
  keep(repository: string, kept: Kept): Promise<boolean>
}

/** `reference` is a tag, `digest` that of the image which has it. */
export function tagTaken(reference: string, digest: string): Error {
  return refused({
    code: 'tag-taken',
    message: `The registry already has ${reference} with another digest (${digest.slice(0, 19)}…).`,
    hint: 'Tags are never moved. Run `git commit`, so that the image gets a new tag.',
  })
}

/** What an environment runs, or may go back to. */
export interface Kept {
  env: string
  /** The operation that asks: `op-12`. */
  id: string
  digests: readonly string[]
}

/** What this user pushed from this machine. It is no part of the work tree. */
export interface PushRecord {
  /** The digest that was pushed last for these inputs. null: none, or it was forgotten. */
  last(repository: string, inputs: string): Promise<string | null>
  /** Whether this digest was ever pushed for these inputs. */
  has(repository: string, inputs: string, digest: string): Promise<boolean>
  add(repository: string, inputs: string, digest: string): Promise<void>
  forget(repository: string, inputs: string): Promise<void>
}

/** A statement of a migration that removes something the other color may still use. */
export interface Contraction {
  line: number
  statement: string
  why: string
}

export interface MigrationCheck {
  /**
   * `file` is for messages. `earlier` are the contents of the migrations before it, in order: the old code may rely on
   * them. A constraint may be replaced only if `earlier` shows that the new one accepts everything the old one did.
   */
  contractions(file: string, sql: string, earlier: readonly string[]): Promise<Contraction[]>
}

/** Runs programs of the project in its root folder. When `signal` aborts, they are stopped. */
export interface Programs {
  run(argv: readonly string[], signal: AbortSignal): Promise<ProgramResult>
  /** Runs a zx script with these environment variables. */
  script(
    file: string,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ProgramResult>
  /** The same with the time limit of a hook. */
  hook: Programs['script']
}

interface ProgramResult {
  exitCode: number
  stdout: string
  /** stdout and stderr, in the order of their writes. */
  output: string
}

/** A folder for the files that a script reads. */
export interface Folder {
  path: string
  /** `name` may be in folders within, which are made. */
  write(
    name: string,
    parts: AsyncIterable<string> | readonly (string | Uint8Array)[],
  ): Promise<void>
}

export interface Scratch {
  /** Creates a folder that only this user can read, and deletes it after `use`. */
  folder<T>(use: (folder: Folder) => Promise<T>): Promise<T>
}

/** Files for people. A path is relative to the folder where the command runs. */
export interface Pages {
  /** Replaces a file that begins with `mark`, as `text` does. Any other one is kept, and the write refused. */
  write(path: string, text: string, mark: string): Promise<void>
}
