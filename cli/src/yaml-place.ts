// Where something is in a YAML document.
import { type Document, isAlias, isCollection, isMap, isNode, isScalar } from 'yaml'

/** Of the key at `path`, or of its nearest parent that exists: characters from the start. */
export function offsetOf(document: Document, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const found = document.getIn(path.slice(0, length - 1), true)
    const parent = isAlias(found) ? found.resolve(document) : found
    const last = path[length - 1]
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))
      : undefined
    const node = pair?.key ?? (isCollection(parent) ? parent.get(last, true) : undefined)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}
