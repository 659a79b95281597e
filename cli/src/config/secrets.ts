// The values of `secrets` in shopctl.yaml, and the references between them.

export type Secrets = Record<string, Record<string, string>>

export interface SecretValue {
  secret: string
  key: string
  /** `random`, or a text in which `${secret.key}` stands for another value. */
  text: string
}

interface Ordered {
  /** Each follows those that it refers to. */
  values: SecretValue[]
  mistakes: { value: SecretValue; message: string }[]
}

const reference = /\$\{([^}.]+)\.([^}]+)\}/g

/** Replaces each reference. */
export function fillIn(text: string, find: (secret: string, key: string) => string): string {
  return text.replaceAll(reference, (_, secret: string, key: string) => find(secret, key))
}

function referencesOf({ text }: SecretValue): string[] {
  return [...text.matchAll(reference)].map(([, secret, key]) => `${secret}.${key}`)
}

function nameOf({ secret, key }: SecretValue): string {
  return `${secret}.${key}`
}

export function inOrder(secrets: Secrets): Ordered {
  const all = Object.entries(secrets).flatMap(([secret, keys]) =>
    Object.entries(keys).map(([key, text]): SecretValue => ({ secret, key, text })),
  )
  const values: SecretValue[] = []
  const done = new Set<string>()
  let left = all
  for (;;) {
    const next = left.filter((each) => referencesOf(each).every((name) => done.has(name)))
    if (next.length === 0) return { values, mistakes: mistakesOf(all, left) }
    for (const each of next) done.add(nameOf(each))
    values.push(...next)
    left = left.filter((each) => !done.has(nameOf(each)))
  }
}

/** `left` are the values that cannot be filled in. */
function mistakesOf(
  all: readonly SecretValue[],
  left: readonly SecretValue[],
): Ordered['mistakes'] {
  const names = new Set(all.map(nameOf))
  const unknown = left.flatMap((value) =>
    [...new Set(referencesOf(value))]
      .filter((name) => !names.has(name))
      .map((name) => ({ value, message: `there is no secret value ${name}` })),
  )
  const [first] = left
  if (unknown.length > 0 || !first) return unknown
  const byName = new Map(left.map((value) => [nameOf(value), value]))
  const path: SecretValue[] = []
  let at: SecretValue | undefined = first
  while (at && !path.includes(at)) {
    path.push(at)
    at = referencesOf(at).flatMap((name) => byName.get(name) ?? [])[0]
  }
  const circle = at ? path.slice(path.indexOf(at)) : path
  const [value = first] = circle
  const words = [...circle, value].map(nameOf).join(' → ')
  return [{ value, message: `it refers to itself: ${words}` }]
}
