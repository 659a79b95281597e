// The schema of shopctl.yaml: its types and its validation.
import { z } from 'zod'
import { freezesSchema } from './freezes.ts'
import { provenanceSchema, scanSchema } from './gates.ts'
import { drivers, gitopsSchema } from './gitops.ts'
import { hooksSchema } from './hooks.ts'
import { keepSchema } from './keep.ts'
import { logStoreSchema } from './log-store.ts'
import { grafanaSchema, metricsSchema } from './monitoring.ts'
import { path } from './path.ts'
import { probeSchema } from './probe.ts'
import { ecrAddress, registryMistake } from './registry.ts'
import { inOrder } from './secrets.ts'
import { timeoutsSchema } from './timeouts.ts'
import { variable } from './variable.ts'
import { watchSchema } from './watch.ts'
import type { Path } from './yaml.ts'

const name = z
  .string()
  .regex(
    /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
    'expected a DNS label: lower-case letters, digits and dashes',
  )
  // Every object of JavaScript has a property of this name.
  .refine((value) => value !== 'constructor', 'expected another name than constructor')

const build = z.strictObject({
  /** Build context of `docker build`, with a Dockerfile. */
  context: path,
  /** Command to run before `docker build`, in the folder of shopctl.yaml: an argument vector. */
  prepare: z.array(z.string().min(1)).min(1).optional(),
  /** Files and folders of the image. It is built only when one of them changed. */
  inputs: z.array(path).min(1),
  /** Folders of the database migrations. They run only when they differ from those of the live slot. */
  migrations: z
    .union(
      [path.transform((one) => [one]), z.array(path).min(1)],
      'expected a path, or a list of paths',
    )
    .optional(),
  /** A JSON file that `prepare` writes, with the events that the service produces and accepts: labels of the image. */
  events: path.optional(),
})

const urlPath = z.string().regex(/^\//, 'expected a path that begins with a slash')

/** The paths that each pod answers on its management port. Each is optional. */
const management = z.strictObject({
  port: z.int().min(1).max(65_535),
  /** What the pod consumes. With it, consumers switch together with HTTP and the switch waits for them. */
  role: urlPath.optional(),
  /** Why the pod is not ready, for the message of a deploy that fails. */
  readiness: urlPath.optional(),
  /** Stuck messages, for `shopctl messages`. */
  messages: urlPath.optional(),
  /** Accounts of the service, for `shopctl audit`. */
  accounting: urlPath.optional(),
  /** What the service has begun and not finished, such as orders: for the proof of a switch, and its watch. */
  open: urlPath.optional(),
  /** Metrics for Prometheus: what a switch is judged by afterwards. */
  metrics: urlPath.optional(),
})

const service = z.strictObject({
  /** Chart of a slot. */
  chart: path,
  /** Values file. If `<folder>/<environment>/<file>` exists, it is used too and wins. */
  values: path.optional(),
  /** Container port for HTTP, by name or number. Default: the port named `http`, or the only one. */
  port: z
    .union(
      [z.string().min(1), z.int().min(1).max(65_535)],
      'expected the name of a port, or a number from 1 to 65535',
    )
    .optional(),
  build,
  /** A zx script that checks a slot before it goes live. Without it, `health` has to answer below 400. */
  smoke: path.optional(),
  health: urlPath.default('/healthz'),
  management: management.optional(),
  /**
   * Whether a switch restarts the old slot, so that open connections move to the new one. Default: true without
   * `management.role`, since such pods do not follow the Service by themselves.
   */
  recycle: z.boolean().optional(),
})

const dependency = z.strictObject({
  name,
  chart: path,
  values: z.array(path).default([]),
})

/** From lenient to strict. */
export const podSecurityLevels = ['privileged', 'baseline', 'restricted'] as const
export type PodSecurityLevel = (typeof podSecurityLevels)[number]

/** `random`, or a text in which `${secret.key}` stands for another value. */
const secretValue = z.string().min(1)

const secretKey = z
  .string()
  .regex(/^[-._a-zA-Z0-9]+$/, 'expected a key of a Secret: letters, digits, `-`, `_` and `.`')

const registry = z.string().superRefine((value, { addIssue }) => {
  const message = registryMistake(value)
  if (message) addIssue({ code: 'custom', message })
})

const role = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/,
    'expected the ARN of a role: arn:aws:iam::<account>:role/<name>',
  )

/** A cluster of Amazon EKS. */
const eks = z.strictObject({
  name: z
    .string()
    .regex(
      /^[0-9A-Za-z][\w-]{0,99}$/,
      'expected the name of an EKS cluster: letters, digits, dashes and underscores',
    ),
  region: z
    .string()
    .regex(/^[a-z]{2,4}(-[a-z]+)+-\d+$/, 'expected a region of AWS, such as eu-central-1'),
  /** Role to assume for it. Default: the user's own credentials. */
  role: role.optional(),
})

const messages = 'expected a whole number of messages above 0'

const environmentFields = z.strictObject({
  cluster: z.union(
    [
      z.literal('embedded'),
      z
        .strictObject({
          /** Context of the kubeconfig. */
          context: z.string().min(1).optional(),
          /** Instead of a context. */
          eks: eks.optional(),
          /** Registry of the images: `host:port` or `host/path`. */
          registry,
          /** ARN of the role for a registry of Amazon ECR. Default: your own rights. */
          registryRole: role.optional(),
          /** Writing to the registry needs a login, and it never moves a tag: so its tags are believed. */
          immutableTags: z.boolean().default(false),
        })
        .refine(
          ({ context, eks }) => (context === undefined) !== (eks === undefined),
          'expected either `context` or `eks`',
        )
        .refine(({ registry, registryRole }) => !registryRole || ecrAddress(registry), {
          path: ['registryRole'],
          error: 'expected none: `registry` is no registry of Amazon ECR',
        }),
    ],
    'expected `embedded`, or a map with `registry` and either `context` or `eks: { name, region }`',
  ),
  namespace: name,
  /** Who writes to the cluster. `gitops`: Argo CD, and shopctl commits to a config repo. */
  driver: z.enum(drivers, `expected one of ${drivers.join(', ')}`).default('helm'),
  gitops: gitopsSchema.optional(),
  /** deploy, switch, rollback, release, cleanup, messages replay and messages discard ask for a confirmation. */
  protected: z.boolean().default(false),
  /** Times in which deploy, switch, release and cleanup are refused. rollback never is. */
  freezes: freezesSchema,
  /** How long cleanup keeps a slot that is live no more, as a way back. Default: it does not. */
  keep: keepSchema.optional(),
  /** The Pod Security Standard of the namespace. deploy sets its labels. Default: deploy leaves them as they are. */
  podSecurity: z
    .enum(podSecurityLevels, `expected one of ${podSecurityLevels.join(', ')}`)
    .optional(),
  /** Secrets that deploy creates when they are missing. Existing values are never changed. */
  secrets: z.record(name, z.record(secretKey, secretValue)).default({}),
  dependencies: z.array(dependency).default([]),
  /** The dependency that is the message broker. Its ConfigMap `<name>-topology` declares its topology. */
  broker: name.optional(),
  /**
   * `switch` is refused while more messages than this wait in a queue. Default: at 30 orders/s the busiest queue of the
   * shop gets about 90 events/s, so this is two minutes of them, which a slot that consumes never leaves waiting.
   */
  queueLimit: z.int(messages).min(1, messages).default(10_000),
  /** The environment variable with the URL of an incoming webhook of Slack. Default: SHOPCTL_SLACK_WEBHOOK. */
  slack: variable.optional(),
  /** Prometheus: for `status`, and for the alerts that hold up a switch. */
  metrics: metricsSchema.optional(),
  /** Requests through the edge during switch and rollback, for their proof. */
  probe: probeSchema.optional(),
  /** How a switch is judged afterwards. */
  watch: watchSchema.prefault({}),
  /** Grafana: gets an annotation for each switch and rollback. */
  grafana: grafanaSchema.optional(),
  /** The store of the logs, for `logs`. Default: they are read from the pods. */
  logs: logStoreSchema.optional(),
  /** What deploy asks of an image. Default: nothing. */
  provenance: provenanceSchema.optional(),
  /** What deploy accepts of the findings of Amazon ECR. Default: it does not ask for them. */
  scan: scanSchema.optional(),
})

const environment = environmentFields
  .refine(
    ({ broker, dependencies }) => !broker || dependencies.some(({ name }) => name === broker),
    { path: ['broker'], error: 'expected the name of one of the dependencies' },
  )
  .refine(({ driver, gitops }) => driver === 'gitops' || gitops === undefined, {
    path: ['gitops'],
    error: 'expected none: `driver` is helm',
  })
  .refine(
    ({ driver, gitops, cluster }) =>
      driver === 'helm' || cluster === 'embedded' || gitops?.url !== undefined,
    { path: ['gitops', 'url'], error: 'expected the address of the config repo' },
  )
  .refine(
    ({ scan, cluster }) => !scan || (cluster !== 'embedded' && ecrAddress(cluster.registry)),
    { path: ['scan'], error: 'expected none: the registry is no registry of Amazon ECR' },
  )
  .superRefine(({ secrets }, { addIssue }) => {
    for (const { value, message } of inOrder(secrets).mistakes)
      addIssue({ code: 'custom', path: ['secrets', value.secret, value.key], message })
  })

const configFields = z.strictObject({
  /** Name of the system, and path of its images in the registry. */
  name,
  /** From upstream to downstream: audit reads their accounts in this order. */
  services: z
    .record(name, service)
    .refine((map) => Object.keys(map).length > 0, 'expected at least one service'),
  /** A zx script that tests the whole system on the preview plane, after the scripts of the services. */
  smoke: path.optional(),
  /** A zx script that sums up the accounts of the services, for `shopctl audit`. */
  audit: path.optional(),
  /** Scripts that run before and after a change. */
  hooks: hooksSchema.default({}),
  timeouts: timeoutsSchema.prefault({}),
  environments: z
    .record(name, environment)
    .refine((map) => Object.keys(map).length > 0, 'expected at least one environment'),
})

/** Names of the objects of a service. No two services may share one. */
function madeFor(service: string): string[] {
  return [service, ...['preview', 'blue', 'green', 'operator'].map((what) => `${service}-${what}`)]
}

export const configSchema = configFields.superRefine(({ services, environments }, { addIssue }) => {
  const names = Object.keys(services)
  const check = (name: string, others: readonly string[], path: (string | number)[]): void => {
    const owner = others.find((other) => madeFor(other).includes(name))
    const isGuard = name === 'shopctl-guard'
    if (!owner && !isGuard) return
    const message = `expected another name: shopctl uses ${name} for ${owner ?? 'the environment'}`
    addIssue({ code: 'custom', path, message })
  }
  for (const name of names) {
    const others = names.filter((other) => other !== name)
    check(name, others, ['services', name])
  }
  for (const [environment, { dependencies, probe }] of Object.entries(environments)) {
    if (probe?.service !== undefined && !names.includes(probe.service))
      addIssue({
        code: 'custom',
        path: ['environments', environment, 'probe', 'service'],
        message: `expected one of the services: ${names.join(', ')}`,
      })
    for (const [index, { name }] of dependencies.entries())
      check(name, names, ['environments', environment, 'dependencies', index, 'name'])
  }
})

export const configFile = 'shopctl.yaml'

export interface Config extends z.infer<typeof configSchema> {
  /** Where a setting is: file, line, column and path. It begins the message about a mistake. */
  where(path: Path): string
}
export type ServiceConfig = z.infer<typeof service>
export type EnvironmentConfig = z.infer<typeof environment>
