// What the services take in requests.
import { z } from 'zod'

/** Text that is safe in JSON, SQL and mail headers. */
export const plainText = z
  .string()
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must be plain text, not empty')

const maxDepth = 32

/** False for JSON that is nested so deeply that a recursive function may fail, and for numbers such as 1e400. */
export function isPlainJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return depth < maxDepth && Object.values(value).every((child) => isPlainJson(child, depth + 1))
}
