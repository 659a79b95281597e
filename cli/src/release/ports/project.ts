// The project on this machine: its work tree, images, programs and scripts.

/** The work tree that images are made of. */
export interface Source {
  /** Commit of HEAD in full, null before the first commit. */
  commit(): Promise<string | null>
  /** Tracked and untracked files below `paths` that git does not ignore, relative to the root, sorted. */
  files(paths: readonly string[]): Promise<string[]>
  /** Those of them that differ from HEAD. */
  changed(paths: readonly string[]): Promise<string[]>
  read(file: string): Promise<Buffer>
}

/** Builds images into the local engine and pushes them. `repository` is `host:port/path/name`. */
export interface ImageBuilder {
  /** Label `dev.shopctl.inputs` of a local image, null when there is no such image. */
  inputsOf(reference: string): Promise<string | null>
  build(image: {
    context: string
    tags: readonly string[]
    labels: Readonly<Record<string, string>>
  }): Promise<void>
  push(reference: string): Promise<void>
}

/** An image registry. References are repository and tag, or repository and digest. */
export interface Registry {
  /** `sha256:…`, null when the tag does not exist. */
  digest(repository: string, tag: string): Promise<string | null>
  /** Gives an image that is there another tag. */
  tag(repository: string, digest: string, tag: string): Promise<void>
}

/** A statement of a migration that takes away what the other color may still use. */
export interface Contraction {
  line: number
  statement: string
  why: string
}

export interface MigrationCheck {
  /**
   * `file` is for messages. `earlier` are the contents of the migrations before it, in order: they say what the old
   * code may rely on. A rule that is replaced passes only if they show that the new one allows all that the old did.
   */
  contractions(file: string, sql: string, earlier: readonly string[]): Promise<Contraction[]>
}

/** Runs programs of the project, from its root. They are stopped when `signal` aborts. */
export interface Programs {
  run(argv: readonly string[], signal: AbortSignal): Promise<ProgramResult>
  /** A zx script, with the release in its environment. */
  script(
    file: string,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ProgramResult>
}

export interface ProgramResult {
  exitCode: number
  stdout: string
  /** What it wrote to stdout and stderr, in order. */
  output: string
}

/** A folder for what a script is to read. */
export interface Folder {
  path: string
  write(name: string, parts: AsyncIterable<string>): Promise<void>
}

export interface Scratch {
  /** Gives a folder that only this user can read, and deletes it afterwards. */
  folder<T>(use: (folder: Folder) => Promise<T>): Promise<T>
}
