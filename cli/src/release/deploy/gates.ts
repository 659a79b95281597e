// What has to be true of the images of a deploy before anything is written. A way back is not held up by it.
import { beforeChange } from '../../errors.ts'
import type { DesireInput, Recipe } from './desire.ts'
import type { ImageOf } from './images.ts'
import type { DeployStep } from './plan.ts'
import { type ProvenancePorts, requireProvenance } from './provenance.ts'
import { requireScans, requireValidAllowances, type ScanInput, type ScanPorts } from './scan.ts'

export type GatePorts = ProvenancePorts & ScanPorts

type GateInput = ScanInput & Pick<DesireInput, 'images'>

/** Before anything is read or built: what the file allows may be over. */
export function checkGates(ports: Pick<GatePorts, 'clock'>, input: GateInput): void {
  if (!input.images) requireValidAllowances(ports, input)
}

/** What is live stays as it is, so its images are not asked about. */
export async function requireGates(
  ports: GatePorts,
  input: GateInput,
  steps: readonly Pick<DeployStep, 'service' | 'action' | 'wanted'>[],
  recipes: Readonly<Record<string, Pick<Recipe, 'repository'>>>,
): Promise<void> {
  // Images of an earlier release passed when they were deployed.
  if (input.images) return
  const images = steps
    .filter(({ action }) => action !== 'live')
    .map(({ service, wanted: { digest } }): ImageOf => {
      const { repository = '' } = recipes[service] ?? {}
      return { service, repository, digest }
    })
  try {
    await requireProvenance(ports, input, images)
    await requireScans(ports, input, images)
  } catch (error) {
    throw beforeChange(error)
  }
}
