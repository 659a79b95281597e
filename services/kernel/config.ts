// Reads the configuration from the environment, and checks it before anything starts.
import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65_535)

const common = z.object({
  SERVICE_NAME: z.string().min(1),
  SLOT_COLOR: z.enum(['blue', 'green']),
  SLOT_REVISION: z.string().min(1),
  SLOT_VERSION: z.string().min(1),
  POD_NAME: z.string().min(1),
  POD_NAMESPACE: z.string().min(1),
  STABLE_SERVICE: z.string().min(1),
  PREVIEW_SERVICE: z.string().min(1),
  /** Where the stable Service is reached. By default at its name. */
  STABLE_URL: z.url({ protocol: /^http$/ }).optional(),
  PORT: port.default(8080),
  PREVIEW_PORT: port.default(8081),
  MANAGEMENT_PORT: port.default(9090),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  AMQP_URL: z.url({ protocol: /^amqps?$/ }),
  PREVIEW_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  PREVIEW_AMQP_URL: z.url({ protocol: /^amqps?$/ }),
  KUBERNETES_SERVICE_HOST: z.string().min(1),
  KUBERNETES_SERVICE_PORT: port.default(443),
  /** The folder with the pod's token and the API server's CA. */
  SERVICE_ACCOUNT_DIR: z.string().default('/var/run/secrets/kubernetes.io/serviceaccount'),
  /** How long parked messages are kept. */
  PARKED_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  /** OpenTelemetry's own variables. With an endpoint, spans are exported. The exporter reads the others. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]).optional(),
  OTEL_TRACES_SAMPLER: z
    .enum([
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ])
    .default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
})

export type CommonConfig = z.infer<typeof common>

/** Reads the common settings and those of a service. `problems` is one line that names every wrong variable and no value. */
export function readConfig<Shape extends z.ZodRawShape>(
  own: z.ZodObject<Shape>,
  env: NodeJS.ProcessEnv,
):
  | { ok: true; config: CommonConfig & z.infer<z.ZodObject<Shape>> }
  | { ok: false; problems: string } {
  const commonResult = common.safeParse(env)
  const ownResult = own.safeParse(env)
  if (commonResult.success && ownResult.success) {
    return { ok: true, config: { ...commonResult.data, ...ownResult.data } }
  }
  const issues = [commonResult, ownResult].flatMap((result) => result.error?.issues ?? [])
  const problems = issues.map((issue) => {
    const name = issue.path.join('.')
    return env[name] === undefined ? `${name} is not set` : `${name}: ${issue.message}`
  })
  return { ok: false, problems: problems.join('; ') }
}
