// Markup out of texts. Whatever is no markup already is escaped.

export interface Markup {
  readonly markup: string
}

type Part = string | number | Markup | readonly Markup[] | null

/** html`<p>${text}</p>` */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const filled = texts.map((text, index) => text + markupOf(parts[index] ?? null))
  return { markup: filled.join('') }
}

/** Text that is markup already. */
export function asMarkup(markup: string): Markup {
  return { markup }
}

function markupOf(part: Part): string {
  if (part === null) return ''
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part))
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('\n')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}
