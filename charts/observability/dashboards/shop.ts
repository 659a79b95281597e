// How the shop does: promises, orders, money, response times.
import { finish, frame } from './frame.ts'
import { burnRate, limits, promises } from './limits.ts'
import { drawLines, showValue } from './panels.ts'
import {
  countOver,
  live,
  partOver,
  perSecond,
  perSecondOrZero,
  quantile,
  shareOf,
} from './promql.ts'

const requests = live('http_request_duration_seconds_count')
const failures = live('http_request_duration_seconds_count', 'status=~"5.."')
const posted = ['service="order"', 'method="POST"', 'route="/orders"']
const placements = live('http_request_duration_seconds_count', ...posted)
const accepted = live('http_request_duration_seconds_count', ...posted, 'status!~"5.."')
const { withinSeconds } = promises.confirmed
// Prometheus 3 writes whole numbers with a decimal.
const inTime = live(
  'order_confirmation_duration_seconds_bucket',
  `le=~"${withinSeconds}|${withinSeconds}[.]0"`,
)
const money = live('payments_minor_units_total')

function acceptedShare(window: string): string {
  return `${partOver(window, accepted, placements)} / ${countOver(window, placements)}`
}

/** An order that is neither rejected nor cancelled should be confirmed, in time. It is counted when it is placed. */
function confirmedShare(window: string): string {
  const placed = live('orders_total', 'status="placed"')
  const ended = live('orders_total', 'status=~"rejected|cancelled"')
  const expected = `(${countOver(window, placed)} - ${partOver(window, ended, placed)})`
  return `clamp_max(${partOver(window, inTime, placed)} / ${expected}, 1)`
}

function burning(share: string, { objective }: { objective: number }): string {
  const budget = Number((1 - objective).toFixed(6))
  return `(1 - ${share}) / ${budget}`
}

export const shop = finish(
  frame({ uid: 'shop', title: 'Shop', about: 'What the shop promises, its orders and its money.' })
    .withPanel(
      showValue({
        title: 'Orders accepted',
        about: `Placements of orders that were not answered with a server error. The promise is ${promises.accepted.objective * 100} %.`,
        unit: 'percentunit',
        width: 6,
        height: 5,
        limit: { below: promises.accepted.objective },
        queries: [{ expr: acceptedShare('$__range'), name: 'accepted' }],
      }),
    )
    .withPanel(
      showValue({
        title: `Confirmed within ${withinSeconds} s`,
        about: `Of the orders that were neither rejected nor cancelled. The promise is ${promises.confirmed.objective * 100} %.`,
        unit: 'percentunit',
        width: 6,
        height: 5,
        limit: { below: promises.confirmed.objective },
        queries: [{ expr: confirmedShare('$__range'), name: 'in time' }],
      }),
    )
    .withPanel(
      showValue({
        title: 'Orders by what became of them',
        about: 'Orders that reached the status during the time shown.',
        unit: 'short',
        width: 6,
        height: 5,
        queries: [
          {
            expr: `sum by (status) (increase(${live('orders_total')}[$__range]))`,
            name: '{{status}}',
          },
        ],
      }),
    )
    .withPanel(
      showValue({
        title: 'Money captured',
        about: 'During the time shown. Payments that were refunded count too.',
        unit: 'currencyEUR',
        width: 6,
        height: 5,
        queries: [
          {
            expr: `sum by (currency) (increase(${live('payments_minor_units_total', 'status="captured"')}[$__range])) / 100`,
            name: '{{currency}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Orders',
        about: 'Orders that reached each status, per second.',
        unit: 'ops',
        width: 12,
        queries: [{ expr: perSecond('status', live('orders_total')), name: '{{status}}' }],
      }),
    )
    .withPanel(
      drawLines({
        title: 'How fast the budgets burn',
        about: `Over five minutes. At 1, the failures that the promises allow last for exactly 30 days. Above ${burnRate}, an alert follows when it lasts.`,
        unit: 'short',
        width: 12,
        limit: { above: burnRate },
        queries: [
          {
            expr: burning(acceptedShare('5m'), promises.accepted),
            name: 'orders accepted',
          },
          {
            expr: burning(confirmedShare('5m'), promises.confirmed),
            name: `confirmed within ${withinSeconds} s`,
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'From the order to its confirmation',
        about: 'Until the order service knows that stock and payment are there.',
        unit: 's',
        width: 12,
        limit: { above: withinSeconds },
        queries: [0.5, 0.9, 0.99].map((share) => ({
          expr: quantile(share, 'service', live('order_confirmation_duration_seconds_bucket')),
          name: `p${share * 100}`,
          exemplars: true,
        })),
      }),
    )
    .withPanel(
      drawLines({
        title: 'Response times of the order API',
        about: '99 % of the requests of each route are faster.',
        unit: 's',
        width: 12,
        limit: { above: limits.latencySeconds },
        queries: [
          {
            expr: quantile(
              0.99,
              'method, route',
              live('http_request_duration_seconds_bucket', 'service="order"'),
            ),
            name: '{{method}} {{route}}',
            exemplars: true,
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Requests',
        about: 'Requests to the live plane, per second.',
        unit: 'reqps',
        width: 8,
        queries: [{ expr: perSecond('service', requests), name: '{{service}}' }],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Server errors',
        about: 'The share of the requests that were answered with 5xx.',
        unit: 'percentunit',
        width: 8,
        limit: { above: Number((1 - promises.accepted.objective).toFixed(6)) },
        queries: [{ expr: shareOf('service', failures, requests), name: '{{service}}' }],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Response times',
        about: '99 % of the requests of each service are faster.',
        unit: 's',
        width: 8,
        limit: { above: limits.latencySeconds },
        queries: [
          {
            expr: quantile(0.99, 'service', live('http_request_duration_seconds_bucket')),
            name: '{{service}}',
            exemplars: true,
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Money per hour',
        about: 'Payments by what became of them, at the rate of the moment.',
        unit: 'currencyEUR',
        width: 12,
        queries: [
          {
            expr: `${perSecond('status, currency', money)} * 3600 / 100`,
            name: '{{status}} {{currency}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Events',
        about: 'Events that the services handled, per second.',
        unit: 'ops',
        width: 12,
        queries: [
          {
            expr: perSecondOrZero(
              'service',
              live('event_handler_duration_seconds_count', 'outcome="handled"'),
              live('event_handler_duration_seconds_count'),
            ),
            name: '{{service}}',
          },
        ],
      }),
    ),
)
