// The values of a slot, merged as helm does; pure.
import { isMap } from '../../release/canonical.ts'
import type { Values } from './yaml.ts'

/**
 * Of several files, the later ones win: maps are merged, all else is replaced. A null stays: with it, helm deletes the
 * chart's own value when it renders.
 */
export function mergeValues(all: readonly Values[]): Values {
  return all.reduce((base, over) => merged(base, over), {})
}

function merged(base: Values, over: Values): Values {
  const result: Values = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = result[key]
    result[key] = isMap(value) && isMap(before) ? merged(before, value) : value
  }
  return result
}
