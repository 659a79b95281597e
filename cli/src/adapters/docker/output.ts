// What docker and BuildKit print.
import type { BaseImage } from '../../release/ports/project.ts'

/** The base images, from the output of BuildKit. A base that the Dockerfile names by digest is left out. */
export function basesIn(output: string): BaseImage[] {
  const bases = new Map<string, string>()
  const asked = [...output.matchAll(/^#\d+ \[.*internal\] load metadata for (\S+)$/gm)]
  const names = new Set(asked.map(([, name = '']) => name).filter((name) => !name.includes('@')))
  for (const [, name = '', digest = ''] of output.matchAll(
    /^#\d+ \[.*\] FROM (\S+)@(sha256:[0-9a-f]{64})/gm,
  ))
    if (names.has(name)) bases.set(name, digest)
  return [...bases].map(([name, digest]) => ({ name, digest })).sort(byName)
}

function byName(one: BaseImage, other: BaseImage): number {
  return one.name < other.name ? -1 : 1
}

/** The step that failed and its output, which BuildKit prints between lines of dashes at the end. */
export function failingStep(output: string): string {
  const lines = output.trimEnd().split('\n')
  const first = lines.findIndex((line) => /^-{4,}$/.test(line.trim()))
  const part = first < 0 ? lines : lines.slice(first + 1)
  return part
    .filter((line) => !/^-{4,}$/.test(line.trim()))
    .slice(-20)
    .join('\n')
}

/** Whether a build failed since a program of the Dockerfile did: without the cache in the registry it would too. */
export function isOwnFailure(stderr: string): boolean {
  return /^ERROR: .*did not complete successfully: exit code: \d+/m.test(stderr)
}

/**
 * Why the cache could not be read or written, from the output of a build that succeeded all the same. There is none
 * before the first build: that is no problem.
 */
export function cacheProblems(output: string): string[] {
  const problems: string[] = []
  for (const [, step, importing] of output.matchAll(
    /^#(\d+) (?:(importing) cache manifest from|exporting cache to) /gm,
  )) {
    const why = new RegExp(`^#${step} ERROR: (.+)$`, 'm').exec(output)?.[1]
    if (!why || (importing && why.endsWith(': not found'))) continue
    problems.push(`could not be ${importing ? 'read' : 'written'}: ${withoutQueries(why)}`)
  }
  return problems
}

/** A registry may redirect to an address that is signed: anybody who knows it may read the layer. */
export function withoutQueries(text: string): string {
  return text.replace(/(https?:\/\/[^\s?"]+)\?[^\s"]*?(?=:?(?:[\s"]|$))/g, '$1')
}

/** Whether docker could not connect to an engine. The same text of a build step begins with the step's number. */
export function isDown(stderr: string): boolean {
  return /^(error: )?(cannot connect to the docker daemon|error during connect|failed to connect to the docker api)/im.test(
    stderr,
  )
}

/** Why the builder of buildx cannot be used. null: it can. */
export function builderProblem(output: string): string | null {
  const missing = /^ERROR: (no builder .+ found)$/m.exec(output)?.[1]
  if (missing) return missing
  const step = /^#(\d+) \[internal\] (?:waiting for connection|booting buildkit)$/m.exec(
    output,
  )?.[1]
  return (step && new RegExp(`^#${step} ERROR: (.+)$`, 'm').exec(output)?.[1]) || null
}

/** docker without buildx. */
export function lacksBuildx(stderr: string): boolean {
  return /^docker: ('buildx' is not a docker command|unknown command: docker buildx)/m.test(stderr)
}

/** The driver of the builder that `docker buildx inspect` shows. */
export function driverIn(stdout: string): string | null {
  return /^Driver:\s+(\S+)/m.exec(stdout)?.[1] ?? null
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
