// Text of others for a terminal, a log or a message.
import { stripVTControlCharacters } from 'node:util'

/** Foreign text in one line, without control characters. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}
