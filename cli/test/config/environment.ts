// The environment `local` of the fake shopctl.yaml, with more settings.
import { expect } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import type { EnvironmentConfig } from '../../src/config/schema.ts'
import { configText } from '../fakes/config.ts'

export function environmentWith(settings: string): EnvironmentConfig {
  const text = configText.replace('namespace: shop\n', `namespace: shop\n    ${settings}\n`)
  const { local } = parseConfig(text, 'shopctl.yaml').environments
  if (!local) throw new Error('no environment')
  return local
}

/** What the refusal of such settings says; 'none' if they are taken. */
export function mistakeIn(settings: string): string {
  return mistakeOf(() => environmentWith(settings))
}

export function mistakeOf(parse: () => unknown): string {
  try {
    parse()
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-config', exitCode: 2 })
    return error instanceof Error ? error.message : ''
  }
  return 'none'
}
