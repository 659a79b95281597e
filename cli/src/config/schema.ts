// The one schema of shopctl.yaml: types and validation come from here.
import { z } from 'zod'

const name = z
  .string()
  .regex(
    /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
    'expected a DNS label: lower-case letters, digits and dashes',
  )

/** Relative to the folder of shopctl.yaml. */
const path = z
  .string()
  .min(1)
  .refine((value) => !value.startsWith('/'), 'expected a path relative to shopctl.yaml')

const build = z.strictObject({
  /** Docker build context; its Dockerfile describes the image. */
  context: path,
  /** Run before `docker build`, from the root: an argument vector. */
  prepare: z.array(z.string().min(1)).min(1).optional(),
  /** What the image is made of. Nothing changed here, nothing is built. */
  inputs: z.array(path).min(1),
  /** Folders of the database migrations; where they are the same as those of the live slot, they are not run again. */
  migrations: z
    .union(
      [path.transform((one) => [one]), z.array(path).min(1)],
      'expected a path, or a list of paths',
    )
    .optional(),
})

const urlPath = z.string().regex(/^\//, 'expected a path that begins with a slash')

/** What each pod of a service answers on a port of its own. Each path is optional. */
const management = z.strictObject({
  port: z.int().min(1).max(65_535),
  /** What it consumes. With it, consumers move with HTTP and the switch waits for them. */
  role: urlPath.optional(),
  /** Why it is not ready, for the message when it does not become so. */
  readiness: urlPath.optional(),
  /** Events that got stuck, for `shopctl messages`. */
  messages: urlPath.optional(),
  /** What it did, for `shopctl audit`. */
  accounting: urlPath.optional(),
})

const service = z.strictObject({
  /** Chart of a slot. */
  chart: path,
  /** `<folder>/<environment>/<file>` beside it wins over it where it exists. */
  values: path.optional(),
  /** The container port that takes HTTP, by name or number; by default the one named `http`, or the only one. */
  port: z.union([z.string().min(1), z.int().min(1).max(65_535)]).optional(),
  build,
  /** A zx script that checks a slot before it goes live. Without one, `health` has to answer below 400. */
  smoke: path.optional(),
  health: urlPath.default('/healthz'),
  management: management.optional(),
  /**
   * Whether the slot that served is restarted after a switch, so that connections which stayed open move on. By default
   * where pods do not follow the Service by themselves, which is where `management.role` is not set.
   */
  recycle: z.boolean().optional(),
})

const dependency = z.strictObject({
  name,
  chart: path,
  values: z.array(path).default([]),
})

/** `random`, or a text with `${secret.key}` for the value of another one. */
const secretValue = z.string().min(1)

const environmentFields = z.strictObject({
  cluster: z.union(
    [
      z.literal('embedded'),
      z.strictObject({
        /** Context of the kubeconfig. */
        context: z.string().min(1),
        /** Where images go: `host:port` or `host/path`. */
        registry: z.string().min(1),
      }),
    ],
    'expected `embedded`, or a map with `context` and `registry`',
  ),
  namespace: name,
  /** switch and rollback ask for a confirmation. */
  protected: z.boolean().default(false),
  /** Made once, when missing; values that exist are never changed. */
  secrets: z.record(name, z.record(z.string().min(1), secretValue)).default({}),
  dependencies: z.array(dependency).default([]),
  /** The dependency that is the message broker; its ConfigMap `<name>-topology` says what it has to have. */
  broker: name.optional(),
})

const environment = environmentFields.refine(
  ({ broker, dependencies }) => !broker || dependencies.some(({ name }) => name === broker),
  { path: ['broker'], error: 'expected the name of one of the dependencies' },
)

const configFields = z.strictObject({
  /** Of the system as a whole: the path of its images in the registry. */
  name,
  /** From upstream to downstream: the audit reads their books in this order. */
  services: z
    .record(name, service)
    .refine((map) => Object.keys(map).length > 0, 'expected at least one service'),
  /** A zx script that goes through the whole system on the preview plane, after the services' own. */
  smoke: path.optional(),
  /** A zx script that sums up what the services know of their work, for `shopctl audit`. */
  audit: path.optional(),
  environments: z
    .record(name, environment)
    .refine((map) => Object.keys(map).length > 0, 'expected at least one environment'),
})

/** Releases, Deployments and Services that shopctl makes for a service; two of one name would overwrite each other. */
function madeFor(service: string): string[] {
  return [service, ...['preview', 'blue', 'green'].map((what) => `${service}-${what}`)]
}

export const configSchema = configFields.superRefine(({ services, environments }, { addIssue }) => {
  const names = Object.keys(services)
  const check = (name: string, others: readonly string[], path: (string | number)[]): void => {
    const owner = others.find((other) => madeFor(other).includes(name))
    const isGuard = name === 'shopctl-guard'
    if (!owner && !isGuard) return
    const message = `expected another name: ${name} is made for ${owner ?? 'the environment'}`
    addIssue({ code: 'custom', path, message })
  }
  for (const name of names) {
    const others = names.filter((other) => other !== name)
    check(name, others, ['services', name])
  }
  for (const [environment, { dependencies }] of Object.entries(environments)) {
    for (const [index, { name }] of dependencies.entries())
      check(name, names, ['environments', environment, 'dependencies', index, 'name'])
  }
})

export type Config = z.infer<typeof configSchema>
export type ServiceConfig = z.infer<typeof service>
export type EnvironmentConfig = z.infer<typeof environment>
