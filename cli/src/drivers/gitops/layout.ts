// Where everything is in the config repo; pure. Paths are relative to its root, with slashes.

import { byCodeUnits } from '../../release/canonical.ts'
import type { Color } from '../../release/slot.ts'

/** Chart and values of a slot: what an Application of Argo CD syncs. */
export function slotFolder(env: string, service: string, color: Color): string {
  return `${env}/${service}/${color}`
}

/** What the slots of each service share, with the selectors of its Services. */
export function servicesFolder(env: string): string {
  return `${env}/services`
}

/** The project and the Applications of Argo CD. */
export function argocdFile(env: string): string {
  return `${env}/argocd.yaml`
}

export function chartFile(folder: string): string {
  return `${folder}/Chart.yaml`
}

export function valuesFile(folder: string): string {
  return `${folder}/values.yaml`
}

/** A chart with its content in its name: two versions of it never mix. */
export function vendorFolder(folder: string, chart: { name: string; hash: string }): string {
  return `${folder}/charts/${chart.name}-${chart.hash}`
}

/** Folders of the charts in `folder`. */
export function vendorFolders(folder: string, paths: readonly string[]): string[] {
  const above = `${folder}/charts/`
  const names = paths
    .filter((path) => path.startsWith(above))
    .map((path) => path.slice(above.length).split('/', 1)[0] ?? '')
  return [...new Set(names)].sort(byCodeUnits).map((name) => `${above}${name}`)
}

/** Top-level keys of a values file that are no service and no chart: ours and helm's. */
export const reservedKeys: readonly string[] = ['global', 'marks', 'tags']

/** Whether a service of this name has no place in the layout. */
export function isReserved(service: string): boolean {
  return service === 'services' || reservedKeys.includes(service)
}
