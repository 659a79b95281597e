// Services whose images say which events they know.
import { eventLabels } from '../../src/release/build/events.ts'
import type { Labels } from '../../src/release/ports/project.ts'

/** Changes the text of shopctl.yaml. */
export function withEvents(text: string): string {
  return text.replaceAll(/\n {6}migrations: (\w+)\/.*/g, '$&\n      events: $1/dist/events.json')
}

export function labelsWith(produces: readonly string[], accepts: readonly string[]): Labels {
  return eventLabels('events.json', JSON.stringify({ produces, accepts }))
}
