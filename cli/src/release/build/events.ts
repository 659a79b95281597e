// The events that an image produces and accepts: its labels, made from a file that its build wrote. Pure.
import { z } from 'zod'
import { type ErrorDetail, refused } from '../../errors.ts'
import type { Labels } from '../ports/project.ts'

/** What an image does with events, as `type`: `order.placed.v2`. */
export interface ImageEvents {
  produces: Produced[]
  accepts: string[]
}

export interface Produced {
  type: string
  /** Only a slot with this setting produces it, and then no other version of the event. null: any slot. */
  onlyWith: { name: string; value: string } | null
}

const producesLabel = 'dev.shopctl.events.produces'
const acceptsLabel = 'dev.shopctl.events.accepts'

const type = String.raw`[\w.-]+`
const producedText = new RegExp(String.raw`^(${type})(?:@([A-Za-z_]\w*)=([^\s,]+))?$`)
const expected = 'expected the type of an event, such as order.placed.v2'

const fileSchema = z.strictObject({
  produces: z.array(z.string().regex(producedText, `${expected}, or with @SETTING=value`)),
  accepts: z.array(z.string().regex(new RegExp(`^${type}$`), expected)),
})

/** `text` is the content of the file. Refused if it is not as expected. */
export function eventLabels(file: string, text: string): Labels {
  const { produces, accepts } = parse(file, text)
  return { [producesLabel]: produces.join(), [acceptsLabel]: accepts.join() }
}

function parse(file: string, text: string): z.infer<typeof fileSchema> {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (cause) {
    throw refused({ ...wrongFile(file, 'it is no JSON'), cause })
  }
  const { success, data, error } = fileSchema.safeParse(content)
  if (success) return data
  const [issue] = error.issues
  throw refused(wrongFile(file, `${issue?.path.join('.')}: ${issue?.message}`))
}

function wrongFile(file: string, why: string): ErrorDetail {
  return {
    code: 'wrong-events',
    message: `${file} does not say which events the service produces and accepts: ${why}.`,
    hint: 'It is {"produces":["order.placed.v2"],"accepts":["stock.reserved.v1"]}, and `build.prepare` writes it.',
  }
}

/** null: the image does not say it. */
export function eventsOf(labels: Labels): ImageEvents | null {
  const { [producesLabel]: produces, [acceptsLabel]: accepts } = labels
  if (produces === undefined || accepts === undefined) return null
  return { produces: listed(produces).flatMap(producedOf), accepts: listed(accepts) }
}

function listed(text: string): string[] {
  return text.split(',').filter((each) => each !== '')
}

function producedOf(text: string): Produced[] {
  const [, type, name, value] = producedText.exec(text) ?? []
  if (type === undefined) return []
  const isAny = name === undefined || value === undefined
  return [{ type, onlyWith: isAny ? null : { name, value } }]
}
