// The probe of an environment: a thread that sends GETs of one path for as long as a switch or rollback takes.
import { Worker } from 'node:worker_threads'
import type { ProbeRun, Sample } from '../release/ports/probe.ts'
import type { ProbeMessage, ProbeTask } from './probe-worker.ts'

/** In the repository, and in the bundle of the package. */
const isSource = import.meta.url.endsWith('.ts')
const workerFile = isSource ? './probe-worker.ts' : './adapters/probe-worker.js'

/** Of a thread that starts on a busy machine. */
const startMs = 10_000

/** Resolves when it sends. Fails if it cannot. */
export function startProbe({
  signal,
  ...task
}: ProbeTask & { signal: AbortSignal }): Promise<ProbeRun> {
  const hrtimeBefore = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  const samples: Sample[] = []
  const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: task })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const end = (): void => {
    void worker.terminate()
  }
  signal.addEventListener('abort', end, { once: true })
  const stopped = Promise.withResolvers<void>()
  const started = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: ProbeMessage) => {
      if (message.kind === 'started') resolve()
      else if (message.kind === 'stopped') stopped.resolve()
      // Those that the end of the command has cut off have not failed.
      else if (!signal.aborted)
        for (const { sentAt, endedAt, ...rest } of message.samples)
          samples.push({
            ...rest,
            sentAt: sentAt - hrtimeBefore,
            endedAt: endedAt - hrtimeBefore,
          })
    })
    worker.on('error', reject)
    worker.once('exit', () =>
      reject(new Error(signal.aborted ? 'its thread was ended' : 'its thread does not start')),
    )
  })
  if (signal.aborted) end()
  const late = setTimeout(end, startMs)
  return started
    .finally(() => clearTimeout(late))
    .then(() => ({
      samples,
      async stop() {
        worker.postMessage('stop')
        await Promise.race([stopped.promise, ended])
        end()
      },
    }))
}
