// What others have written, which may be anything.

/** null: it is no JSON, or there is none. */
export function parseJson(text: string | Buffer | null | undefined): unknown {
  try {
    return JSON.parse(String(text ?? ''))
  } catch {
    return null
  }
}
