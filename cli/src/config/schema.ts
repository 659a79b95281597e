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
  /** Folder of the database migrations; its digest names the migration Job. */
  migrations: path.optional(),
})

const service = z.strictObject({
  chart: path,
  /** `<folder>/<environment>/<file>` beside it wins over it where it exists. */
  values: path,
  build,
  /** A zx script that checks a slot before it goes live. */
  smoke: path,
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

export const configSchema = z.strictObject({
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

export type Config = z.infer<typeof configSchema>
export type EnvironmentConfig = z.infer<typeof environment>
