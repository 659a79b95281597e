// Blue against green, for each service.
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { finish, frame } from './frame.ts'
import { limits, promises } from './limits.ts'
import { drawLines, drawStates, type Panel, type Query, showTable } from './panels.ts'
import { live, perSecond, perSecondOrZero, quantile, shareOf } from './promql.ts'

const service = 'service=~"$service"'
const slot = 'color, version'
const requests = live('http_request_duration_seconds_count', service)
const failures = live('http_request_duration_seconds_count', service, 'status=~"5.."')
const attempts = live('event_handler_duration_seconds_count', service)
const failed = live('event_handler_duration_seconds_count', service, 'outcome=~"failed|parked"')
const handled = live('event_handler_duration_seconds_count', service, 'outcome="handled"')

/** One line for each slot and version, in the color of the slot. */
function drawSlots(panel: Omit<Panel, 'queries' | 'width'>, expr: string) {
  const queries: Query[] = [{ expr, name: '{{color}} {{version}}' }]
  return drawLines({ ...panel, height: 7, width: 6, queries })
}

function drawLatencies(title: string, about: string, histogram: string) {
  const queries = [0.5, 0.99].map((share) => ({
    expr: quantile(share, slot, live(histogram, service)),
    name: `{{color}} {{version}} p${share * 100}`,
    exemplars: true,
  }))
  const limit = { above: limits.latencySeconds }
  return drawLines({ title, about, unit: 's', width: 6, height: 7, limit, queries })
}

function ofSlots(function_: string, metric: string): string {
  return `${function_} by (service, color, version, revision) (${live(metric, service)})`
}

export const release = finish(
  frame({
    uid: 'release',
    title: 'Release',
    about: 'The blue slot of each service against the green one.',
    services: true,
  })
    .withPanel(
      showTable(
        {
          title: 'Slots',
          about: 'What runs now. The epoch is that of the gate, while the slot consumes.',
          unit: 'short',
          width: 14,
          queries: [
            { expr: ofSlots('max', 'slot_live'), name: 'live' },
            { expr: ofSlots('count', 'slot_live'), name: 'pods' },
            { expr: ofSlots('sum', 'slot_consuming'), name: 'pods that consume' },
            { expr: ofSlots('max', 'gate_epoch'), name: 'epoch' },
          ],
        },
        ['revision'],
      ),
    )
    .withPanel(
      drawStates(
        {
          title: 'Live slot',
          about: 'The slot that the Service names, as its pods see it.',
          unit: 'short',
          width: 10,
          queries: [
            {
              expr: ['blue', 'green']
                .map((color, index) => {
                  const pods = live('slot_live', service, `color="${color}"`)
                  return `${index + 1} * max by (service) (${pods} == 1)`
                })
                .join(' or '),
              name: '{{service}}',
            },
          ],
        },
        ['blue', 'green'],
      ),
    )
    .withPanel(new RowBuilder('$service').repeat('service'))
    .withPanel(
      drawSlots(
        { title: 'Requests', about: 'To the live plane, per second.', unit: 'reqps' },
        perSecond(slot, requests),
      ),
    )
    .withPanel(
      drawSlots(
        {
          title: 'Server errors',
          about: 'The share of the requests that were answered with 5xx.',
          unit: 'percentunit',
          limit: { above: Number((1 - promises.accepted.objective).toFixed(6)) },
        },
        shareOf(slot, failures, requests),
      ),
    )
    .withPanel(
      drawLatencies(
        'Response times',
        'Half of the requests are faster than p50, 99 % than p99.',
        'http_request_duration_seconds_bucket',
      ),
    )
    .withPanel(
      drawSlots(
        {
          title: 'Consuming pods',
          about: 'Pods that take messages from the live queue. Only one color may.',
          unit: 'short',
        },
        `sum by (${slot}) (${live('slot_consuming', service)})`,
      ),
    )
    .withPanel(
      drawSlots(
        { title: 'Events handled', about: 'In the live plane, per second.', unit: 'ops' },
        perSecondOrZero(slot, handled, attempts),
      ),
    )
    .withPanel(
      drawSlots(
        {
          title: 'Failed attempts',
          about: 'The share of the attempts to handle an event that failed or were parked.',
          unit: 'percentunit',
        },
        shareOf(slot, failed, attempts),
      ),
    )
    .withPanel(
      drawLatencies(
        'Time to handle an event',
        'Of one attempt, whatever its outcome.',
        'event_handler_duration_seconds_bucket',
      ),
    )
    .withPanel(
      drawSlots(
        {
          title: 'Epoch of the gate',
          about: 'In which the pods handle messages. Each switch makes a new one.',
          unit: 'short',
        },
        `max by (${slot}) (${live('gate_epoch', service)})`,
      ),
    ),
)
