// What is open on each port of a pod. Other pods of the cluster can reach all of them.
import { expect, it } from 'vitest'
import { createSlots, type Pod, untilReady } from './slots.ts'

const id = '01930d4e-0000-7000-8000-000000000000'

/** Every route of the three ports, and what it answers to a request without a token. */
const open: [port: string, method: string, path: string, status: number][] = [
  ['management', 'GET', '/livez', 200],
  ['management', 'GET', '/readyz', 200],
  ['management', 'GET', '/role', 200],
  ['management', 'GET', '/metrics', 200],
  ['management', 'GET', '/accounting', 401],
  ['management', 'GET', '/accounting?plane=preview', 401],
  ['management', 'GET', '/accounting/entries', 401],
  ['management', 'GET', '/accounting/entries?plane=preview', 401],
  ['management', 'GET', '/messages', 401],
  ['management', 'GET', '/messages?plane=preview', 401],
  ['management', 'GET', `/messages/${id}`, 401],
  ['management', 'GET', `/messages/${id}?reveal=true`, 401],
  ['management', 'POST', `/messages/${id}/replay`, 401],
  ['management', 'POST', `/messages/${id}/discard`, 401],
  ['management', 'POST', `/messages/${id}/discard?plane=preview`, 401],
  // Its notifications are sent at once. The order service answers, to everybody.
  ['management', 'GET', '/open?ago=1&late=30', 404],
  ['management', 'GET', '/', 404],
  // What customers use. It shows nothing without the id of an order, which only its customer knows.
  ['http', 'GET', '/healthz', 200],
  ['http', 'GET', '/openapi.json', 200],
  ['http', 'GET', `/notifications?order=${id}`, 200],
  ['http', 'GET', `/mails?order=${id}`, 404],
  ['http', 'GET', '/messages', 404],
  ['http', 'GET', '/accounting', 404],
  // The same in the preview plane, which has no customers. Its mail sink needs the id of an order, too.
  ['preview', 'GET', '/healthz', 200],
  ['preview', 'GET', `/notifications?order=${id}`, 200],
  ['preview', 'GET', `/mails?order=${id}`, 200],
  ['preview', 'GET', '/mails', 400],
  ['preview', 'GET', '/messages', 404],
  ['preview', 'GET', '/accounting', 404],
]

it('without a token, a pod answers probes, its role, its metrics, and its customers', async () => {
  const slots = await createSlots()
  await slots.migrate()
  slots.select('blue')
  slots.select('blue', 'notification-preview')
  const pod = slots.start('blue')
  await untilReady(pod)
  const answers = await Promise.all(
    open.map(async ([port, method, path]) => {
      const { status } = await fetch(`${baseOf(pod, port)}${path}`, { method })
      return [port, method, path, status]
    }),
  )
  expect(answers).toEqual(open)
})

function baseOf(pod: Pod, port: string): string {
  const ports = { management: pod.managementPort, http: pod.port, preview: pod.previewPort }
  return `http://127.0.0.1:${ports[port as keyof typeof ports]}`
}
