// The Secrets and ConfigMaps that a slot uses and its chart does not make. They belong to the slot: their content is part
// of its revision, and the slot refers to copies of its own.
import { createHmac } from 'node:crypto'
import { canonical } from '../canonical.ts'
import type { Content, ContentId, Contents, Copy } from '../ports/cluster.ts'
import type { Charts, Marks, Recorded } from '../ports/driver.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { settleAll } from '../settle.ts'
import { type Color, colors, slotName } from '../slot.ts'
import type { Recipe } from './desire.ts'
import type { Wanted } from './plan.ts'
import { type Reference, referencesOf } from './references.ts'
import { hashOf } from './revision.ts'
import { hmacKey, type SecretsPlan } from './secrets.ts'
import { slotChart } from './slot-chart.ts'

/** What a slot of one color uses. */
export interface SlotContents {
  /** Names of its copies, by the names that its chart refers to. */
  secrets: Record<string, string>
  configMaps: Record<string, string>
  copies: Copy[]
  /** What the namespace lacks. null: nothing. */
  missing: Refusal | null
}

export interface ServiceContents {
  /** Hash over the contents. null: the slots use none. */
  hash: string | null
  /** For the release of a slot. */
  marks: Marks
  slots: Record<Color, SlotContents>
}

interface ContentsPorts {
  charts: Charts
  contents: Contents
}

interface ContentsInput {
  /** Name of the system as a whole. */
  system: string
  wanted: Wanted
  recipe: Recipe
  recorded: Readonly<Record<string, Recorded>>
  secrets: SecretsPlan
}

/** Mark of a slot's release: the hash over its contents. */
const contentsMark = 'contents'
/** Mark of a slot's release: the hash of its chart and values, and what this chart refers to. */
const usesMark = 'uses'

/** Whether the slot with these marks uses other contents. An earlier shopctl did not mark it. */
export function haveContentsChanged(marks: Marks | undefined, contents: ServiceContents): boolean {
  const before = marks?.[contentsMark]
  return before !== undefined && before !== contents.marks[contentsMark]
}

type References = Record<Color, Reference[]>

/** Reads what the slots of a service use. The chart is rendered only if that is not known, or has changed. */
export async function readContents(
  ports: ContentsPorts,
  service: string,
  input: ContentsInput,
): Promise<ServiceContents> {
  const known = knownUses(service, input)
  if (known) {
    const found = await contentsOf(ports, service, input, { blue: known.uses, green: known.uses })
    // The same contents were checked before.
    if (known.contents.includes(found.marks[contentsMark])) return found
  }
  const references = await render(ports, service, input)
  return contentsOf(ports, service, input, references)
}

function render(
  { charts }: ContentsPorts,
  service: string,
  { system, wanted, recipe }: ContentsInput,
): Promise<References> {
  // Without state the chart renders the migration Job too.
  const request = { system, service, wanted, recipe, migrate: true, secrets: {}, configMaps: {} }
  const refer = async (color: Color): Promise<Reference[]> =>
    referencesOf(await charts.render(slotChart(request, color)))
  return settleAll([refer('blue'), refer('green')]).then(([blue, green]) => ({ blue, green }))
}

async function contentsOf(
  { contents }: ContentsPorts,
  service: string,
  { recipe, secrets }: ContentsInput,
  references: References,
): Promise<ServiceContents> {
  const ids = distinct([...references.blue, ...references.green])
  const found = await Promise.all(
    ids.map(async (id) => {
      const content = keptContent(recipe, id) ?? withPlanned(id, await contents.read(id), secrets)
      return { ...id, content }
    }),
  )
  const named = found.map((each) => ({ ...each, hmac: each.content && hmacOf(each, secrets) }))
  const hash = ids.length === 0 ? null : hashOf(named.map(({ content: _, ...each }) => each))
  const slotOf = (color: Color): SlotContents => slotContents(service, color, references, named)
  return {
    hash,
    marks: { [contentsMark]: (hash ?? 'none').slice(0, 40), ...usesOf(recipe, references) },
    slots: { blue: slotOf('blue'), green: slotOf('green') },
  }
}

function distinct(references: readonly Reference[]): ContentId[] {
  const all = references.map(({ kind, name }) => ({ kind, name }))
  return [...new Map(all.map((id) => [canonical(id), id])).values()]
}

/**
 * Of an earlier release that is deployed again. Its ConfigMaps are settings, and kept. Its Secrets are not: a credential
 * of then may not be valid any more, so its slot gets the present one.
 */
function keptContent({ earlier }: Recipe, { kind, name }: ContentId): Content | null {
  return kind === 'ConfigMap' ? (earlier?.configMaps[name] ?? null) : null
}

/** As it will be after the Secrets of shopctl.yaml were made. */
function withPlanned(
  { kind, name }: ContentId,
  content: Content | null,
  { missing }: SecretsPlan,
): Content | null {
  const added = kind === 'Secret' ? missing[name] : undefined
  if (!added) return content
  const data = Object.entries(added).map(([key, value]) => [
    key,
    Buffer.from(value).toString('base64'),
  ])
  return { ...content, data: { ...content?.data, ...Object.fromEntries(data) } }
}

/** A plain hash would let anybody who sees it guess a weak password. */
function hmacOf(content: ContentId & { content: Content | null }, secrets: SecretsPlan): string {
  const hmac = createHmac('sha256', hmacKey(secrets)).update(canonical(content))
  return hmac.digest('hex').slice(0, 16)
}

type Named = ContentId & { content: Content | null; hmac: string | null }

function slotContents(
  service: string,
  color: Color,
  references: References,
  named: readonly Named[],
): SlotContents {
  const used = references[color]
  const isUsed = ({ kind, name }: ContentId): boolean =>
    used.some((each) => each.kind === kind && each.name === name)
  const copies = named.filter(isUsed).flatMap(({ kind, name, content, hmac }) => {
    const copy = { kind, name: `${slotName(service, color)}-${hmac}`, of: name, service, color }
    return content ? [{ ...copy, content }] : []
  })
  const namesOf = (kind: ContentId['kind']): Record<string, string> =>
    Object.fromEntries(
      copies.filter((each) => each.kind === kind).map(({ of, name }) => [of, name]),
    )
  return {
    secrets: namesOf('Secret'),
    configMaps: namesOf('ConfigMap'),
    copies,
    missing: firstMissing(service, used, named),
  }
}

function firstMissing(
  service: string,
  used: readonly Reference[],
  named: readonly Named[],
): Refusal | null {
  for (const { kind, name, keys, optional } of used) {
    const content = named.find((each) => each.kind === kind && each.name === name)?.content
    const again = 'then run the command again.'
    if (!content && !optional)
      return refuse(
        'content-missing',
        `The namespace has no ${kind} ${name}, which the chart of ${service} uses.`,
        kind === 'Secret'
          ? `Create it, or name it below \`secrets\` in shopctl.yaml, ${again}`
          : `Create it, ${again}`,
      )
    const key = keys.find(
      (each) => content && !(each in { ...content.data, ...content.binaryData }),
    )
    if (key !== undefined)
      return refuse(
        'content-missing',
        `The ${kind} ${name} has no key ${key}, which the chart of ${service} uses.`,
        `Add the key to the ${kind}, ${again}`,
      )
  }
  return null
}

/** What a label can hold, apart from its prefix. */
const labelLength = 63

/** Nothing if it does not fit into a label: the chart is then rendered each time. */
function usesOf({ renderHash }: Recipe, { blue, green }: References): Marks {
  const words = (references: readonly Reference[]): string =>
    [renderHash, ...distinct(references).map(({ kind, name }) => `${kind}.${name}`)].join('_')
  const [text, other] = [words(blue), words(green)]
  return text === other && text.length <= labelLength ? { [usesMark]: text } : {}
}

/** From the release of a slot with the same chart and values. */
function knownUses(
  service: string,
  { recipe, recorded }: ContentsInput,
): { uses: Reference[]; contents: (string | undefined)[] } | null {
  const same = colors
    .map((color) => recorded[slotName(service, color)]?.marks ?? {})
    .filter((marks) => marks[usesMark]?.split('_')[0] === recipe.renderHash)
  const [, ...words] = same[0]?.[usesMark]?.split('_') ?? []
  if (same.length === 0) return null
  return { uses: words.map(referenceOf), contents: same.map((marks) => marks[contentsMark]) }
}

function referenceOf(word: string): Reference {
  const [kind, ...name] = word.split('.')
  return {
    kind: kind === 'ConfigMap' ? 'ConfigMap' : 'Secret',
    name: name.join('.'),
    optional: true,
    keys: [],
  }
}
