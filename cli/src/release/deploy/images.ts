// What the checks of the images of a deploy have in common.
import { refused } from '../../errors.ts'
import type { Refusal } from '../refusal.ts'

export interface ImageOf {
  service: string
  /** `host:port/shop/order` */
  repository: string
  /** `sha256:…` */
  digest: string
}

/** Throws all refusals as one. */
export function refuseAll(found: readonly (Refusal | null)[]): void {
  const [first, ...others] = found.flatMap((each) => each ?? [])
  if (!first) return
  const lines = [first, ...others].map(({ message }) => message)
  throw refused({ ...first, message: lines.join('\n  ') })
}
