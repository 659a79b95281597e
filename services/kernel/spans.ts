// Spans of requests, messages and jobs, named by OpenTelemetry's semantic conventions. Of bodies, headers and errors, none has
// anything but ids, so that no span holds a token, a mail address or a key.
import { exchange } from '@shop/events/envelope'
import { maskText } from './masking.ts'
import { continueTrace, type PlaneName } from './telemetry.ts'

/** Makes the spans of one plane. */
export interface Tracer {
  /** Begins a span of the trace `parent`, or of a new trace. `describe` is called only where spans are recorded. */
  start(parent: string | undefined, describe: () => Description): Span
}

export interface Span {
  /** The W3C trace context for what follows from it. */
  readonly traceparent: string
  /** A span that never ends is not exported. `failure` is one of few words. */
  end(result?: { failure?: string | undefined; attributes?: Attributes }): void
}

export interface Description {
  name: string
  kind: 'server' | 'producer' | 'client' | 'consumer' | 'internal'
  attributes: Attributes
}

type Attributes = Record<string, string | number>

export interface Tracing {
  of(plane: PlaneName): Tracer
  /** Exports what has ended, for 2 seconds at most. */
  close(): Promise<void>
}

/** Continues traces without recording spans. */
export const untraced: Tracer = {
  start(parent) {
    let context: string | undefined
    return {
      get traceparent() {
        context ??= continueTrace(parent)
        return context
      },
      end() {},
    }
  },
}

export const noTracing: Tracing = { of: () => untraced, close: async () => {} }

/** Longer paths are none of ours. */
const maxPath = 256

/** `method` is one of few, or `other`. There is no route for an unknown path. */
export function request(method: string, route: string | undefined, url: string): Description {
  const name = method === 'other' ? 'HTTP' : method
  return {
    name: route === undefined ? name : `${name} ${route}`,
    kind: 'server',
    attributes: {
      'http.request.method': method === 'other' ? '_OTHER' : method,
      ...(route !== undefined && { 'http.route': route }),
      'url.scheme': 'http',
      // The query is left out.
      'url.path': maskText(url.split('?', 1)[0] ?? '').slice(0, maxPath),
    },
  }
}

interface Event {
  id: string
  type: string
  source: string
  subject: string
}

/** From the draft of an event to its commit in the outbox. Its context travels with the event. */
export function create(event: Event): Description {
  return message('create', 'producer', [event.type], event)
}

/** From the outbox to the broker's confirmation. */
export function send({ id, routingKey }: { id: string; routingKey: string }): Description {
  return message('send', 'client', [routingKey], { id })
}

/** One attempt to handle a message of a queue. */
export function process(
  { id, event }: { id: string; event: Event | null },
  routingKey: string | null,
  queue: string,
): Description {
  return message('process', 'consumer', [routingKey ?? '', queue], { id, ...event })
}

/** A run of a job that changed something. */
export function job(name: string): Description {
  return { name, kind: 'internal', attributes: {} }
}

function message(
  operation: string,
  kind: Description['kind'],
  [routingKey = '', ...queue]: string[],
  { id, type, source, subject }: Partial<Event> & { id: string },
): Description {
  const destination = [exchange, routingKey, ...queue].filter(Boolean).map(maskText).join(':')
  return {
    name: `${operation} ${destination}`,
    kind,
    attributes: {
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': operation,
      'messaging.operation.type': operation,
      'messaging.destination.name': destination,
      'messaging.message.id': id,
      ...(routingKey && { 'messaging.rabbitmq.destination.routing_key': maskText(routingKey) }),
      ...(type !== undefined && { 'cloudevents.event_type': maskText(type) }),
      ...(source !== undefined && { 'cloudevents.event_source': maskText(source) }),
      ...(subject !== undefined && { 'cloudevents.event_subject': maskText(subject) }),
    },
  }
}
