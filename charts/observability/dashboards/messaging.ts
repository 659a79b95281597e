// The way of the events: outbox, broker, handlers.
import { finish, frame } from './frame.ts'
import { limits } from './limits.ts'
import { drawLines, type Panel } from './panels.ts'
import { live, ours, perSecond, quantile } from './promql.ts'

const service = 'service=~"$service"'
/** A queue has the name of the service that consumes it. The second one has what it rejected. */
const queues = ['vhost="/"', 'queue=~"($service)([.]dead)?"']

type Lines = Omit<Panel, 'queries' | 'width' | 'unit'>

/** Gauges of the broker, one line for each queue. */
function drawQueues(panel: Lines, metric: string) {
  const queries = [{ expr: `sum by (queue) (${ours(metric, ...queues)})`, name: '{{queue}}' }]
  return drawLines({ ...panel, unit: 'short', width: 8, queries })
}

/** Gauges of a database. Each pod of a service reports the same. */
function drawStored(panel: Lines & Pick<Panel, 'unit'>, metric: string) {
  const expr = `max by (service) (${live(metric, service)})`
  return drawLines({ ...panel, width: 8, queries: [{ expr, name: '{{service}}' }] })
}

export const messaging = finish(
  frame({
    uid: 'messaging',
    title: 'Messaging',
    about: 'The way of the events of the live plane: outbox, broker, handlers, retries.',
    services: true,
  })
    .withPanel(
      drawQueues(
        {
          title: 'Messages in queues',
          about: 'Ready for a consumer.',
          limit: { above: limits.queuedMessages },
        },
        'rabbitmq_detailed_queue_messages_ready',
      ),
    )
    .withPanel(
      drawQueues(
        { title: 'Messages in work', about: 'Delivered, and not yet acknowledged.' },
        'rabbitmq_detailed_queue_messages_unacked',
      ),
    )
    .withPanel(
      drawQueues(
        { title: 'Consumers', about: 'Of each queue, as the broker sees them.' },
        'rabbitmq_detailed_queue_consumers',
      ),
    )
    .withPanel(
      drawLines({
        title: 'Published',
        about: 'Attempts to publish an event, per second.',
        unit: 'ops',
        width: 8,
        queries: [
          {
            expr: perSecond('service, outcome', live('events_published_total', service)),
            name: '{{service}} {{outcome}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Handled',
        about: 'Attempts to handle an event by outcome, per second.',
        unit: 'ops',
        width: 8,
        queries: [
          {
            expr: perSecond(
              'service, outcome',
              live('event_handler_duration_seconds_count', service),
            ),
            name: '{{service}} {{outcome}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Messages through the broker',
        about: 'Of both planes, per second.',
        unit: 'ops',
        width: 8,
        queries: ['received', 'delivered', 'acknowledged', 'redelivered'].map((what) => {
          const series = ours(`rabbitmq_global_messages_${what}_total`)
          return { expr: `sum(rate(${series}[$__rate_interval]))`, name: what }
        }),
      }),
    )
    .withPanel(
      drawLines({
        title: 'From the commit to the broker',
        about: 'Until the broker confirmed the event, when the pod that wrote it published it.',
        unit: 's',
        width: 12,
        queries: [0.5, 0.99].map((share) => ({
          expr: quantile(share, 'service', live('event_publish_delay_seconds_bucket', service)),
          name: `{{service}} p${share * 100}`,
        })),
      }),
    )
    .withPanel(
      drawLines({
        title: 'Time to handle an event',
        about: '99 % of the attempts of each type are faster.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: quantile(
              0.99,
              'service, type',
              live('event_handler_duration_seconds_bucket', service),
            ),
            name: '{{service}} {{type}}',
            exemplars: true,
          },
        ],
      }),
    )
    .withPanel(
      drawStored(
        {
          title: 'Outbox',
          about: 'Events that the broker has not confirmed.',
          unit: 'short',
        },
        'outbox_events',
      ),
    )
    .withPanel(
      drawStored(
        {
          title: 'Age of the outbox',
          about: 'How long its oldest event has been due.',
          unit: 's',
          limit: { above: limits.outboxSeconds },
        },
        'outbox_oldest_event_age_seconds',
      ),
    )
    .withPanel(
      drawStored(
        {
          title: 'Retrying',
          about: 'Messages that failed and will be handled again.',
          unit: 'short',
        },
        'messages_retrying',
      ),
    )
    .withPanel(
      drawStored(
        {
          title: 'Parked',
          about: 'Messages that wait for a person: `shopctl messages list`.',
          unit: 'short',
          limit: { above: 1 },
        },
        'messages_parked',
      ),
    )
    .withPanel(
      drawStored(
        {
          title: 'Waiting',
          about: 'Messages that wait for another system that is away.',
          unit: 'short',
        },
        'messages_waiting',
      ),
    )
    .withPanel(
      drawStored(
        {
          title: 'Longest wait',
          about: 'How long the oldest message waits for another system that is away.',
          unit: 's',
        },
        'messages_waiting_oldest_age_seconds',
      ),
    ),
)
