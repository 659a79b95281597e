// The wait for what the chart of a dependency made.
import { expect, it } from 'vitest'
import { createPods } from '../../../src/adapters/kubernetes/pods.ts'
import type { Rollout } from '../../../src/release/ports/cluster.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const job = '/apis/batch/v1/namespaces/shop/jobs/rabbitmq-topology'

/** The hook of a chart, which Helm deletes only when it makes the next one. */
function putFailed(api: FakeApi, uid: string): void {
  const metadata = { name: 'rabbitmq-topology', uid }
  const conditions = [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }]
  api.put(job, { metadata, status: { conditions } })
}

it('does not count a Job that had failed before it began, and counts the next one', async () => {
  const api = createFakeApi(Date.now)
  putFailed(api, 'old')
  const looks: Rollout[] = []
  const next = setTimeout(() => {
    api.remove(job)
    putFailed(api, 'new')
  }, 100)
  const options = { timeoutMs: 5_000, signal: new AbortController().signal }
  const judge = (rollout: Rollout): string[] | null => {
    looks.push(rollout)
    return rollout.job?.failed ? rollout.job.complaints.map(({ reason }) => reason) : null
  }
  const failed = await createPods(api, 'shop', {}).awaitRelease('rabbitmq', judge, options)
  clearTimeout(next)
  expect(failed).toEqual(['BackoffLimitExceeded'])
  expect(api.objects.get(job)?.metadata?.uid).toBe('new')
  expect(looks.slice(0, -1).flatMap((look) => look.job?.complaints)).toEqual([])
})
