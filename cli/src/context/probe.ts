// The probe of an environment. What sends is loaded only by commands that start it.
import type { ProbeConfig } from '../config/probe.ts'
import type { Probe } from '../release/ports/probe.ts'

/** Longer than any move, and an end where nobody ends it. */
const moveSeconds = 300

/** `services`: of shopctl.yaml, in its order. */
export function probeOf(
  config: ProbeConfig | undefined,
  services: readonly string[],
): Probe | null {
  if (!config) return null
  const { url, path, rate, colorHeader, service = services[0] ?? '' } = config
  return {
    service,
    address: `${url.replace(/\/$/, '')}${path}`,
    rate,
    async start(signal, pace) {
      const { startProbe } = await import('../adapters/probe.ts')
      const { rate: each, seconds } = pace ?? { rate, seconds: moveSeconds }
      return startProbe({ url, path, colorHeader, rate: each, seconds, signal })
    },
  }
}
