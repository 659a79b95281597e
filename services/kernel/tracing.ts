// Exports spans by the OpenTelemetry SDK. Loaded only where a collector is configured, by OpenTelemetry's own variables.
import { setTimeout } from 'node:timers/promises'
import {
  type Context,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { CommonConfig } from './config.ts'
import type { Description, Tracing } from './spans.ts'
import { type Identity, type Logger, traceIdOf } from './telemetry.ts'

/** The collector may be away. */
const closeMs = 2_000
const logMs = 600_000

const kinds: Record<Description['kind'], SpanKind> = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
}

export type SamplingConfig = Pick<CommonConfig, 'OTEL_TRACES_SAMPLER' | 'OTEL_TRACES_SAMPLER_ARG'>

/** The exporter reads its address, headers and limits from the environment. Spans that it cannot export are dropped. */
export function createTracing(
  identity: Identity,
  logger: Logger,
  sampling: SamplingConfig,
): Tracing {
  const exporter = watched(new OTLPTraceExporter(), logger)
  const provider = new TracerProvider({
    resource: detectResources({ detectors: [resourceAttributesEnvDetector] }).merge(
      resourceFromAttributes({
        'service.name': identity.service,
        'service.version': identity.version,
        'service.instance.id': identity.pod,
        'shopctl.color': identity.color,
        'shopctl.revision': identity.revision,
      }),
    ),
    sampler: samplerOf(sampling),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  })
  const tracer = provider.getTracer('@shop/kernel')

  return {
    of: (plane) => ({
      start(parent, describe) {
        const { name, kind, attributes } = describe()
        const options = {
          kind: kinds[kind],
          attributes: { ...attributes, 'shopctl.plane': plane },
        }
        const span = tracer.startSpan(name, options, contextOf(parent))
        return {
          traceparent: traceparentOf(span.spanContext()),
          end({ failure, attributes = {} } = {}) {
            span.setAttributes(attributes)
            if (failure !== undefined) {
              span.setAttribute('error.type', failure)
              span.setStatus({ code: SpanStatusCode.ERROR })
            }
            span.end()
          },
        }
      },
    }),
    async close() {
      await Promise.race([provider.shutdown().catch(() => {}), setTimeout(closeMs)])
    },
  }
}

/** Logs once in a while that spans are dropped. */
function watched(exporter: SpanExporter, logger: Logger): SpanExporter {
  let quietUntil = 0
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error && performance.now() > quietUntil) {
          quietUntil = performance.now() + logMs
          logger.warn({ reason: result.error.message }, 'spans cannot be exported, and are dropped')
        }
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}

function samplerOf({
  OTEL_TRACES_SAMPLER: name,
  OTEL_TRACES_SAMPLER_ARG: ratio,
}: SamplingConfig): Sampler {
  const of = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  }
  const root = of[name.replace('parentbased_', '') as keyof typeof of]()
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

function contextOf(parent: string | undefined): Context {
  const traceId = traceIdOf(parent)
  if (parent === undefined || traceId === undefined) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId: parent.slice(36, 52),
    traceFlags: Number.parseInt(parent.slice(-2), 16),
    isRemote: true,
  })
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
