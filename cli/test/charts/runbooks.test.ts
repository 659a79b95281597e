// The commands that runbooks and alerts name are commands of shopctl, with their options and arguments.
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../src/program/program.ts'
import { charts } from './helm.ts'

const chart = join(charts, 'observability')
const pages = globSync('runbooks/*.md', { cwd: chart }).sort()
const signal = new AbortController().signal

/** `<color>` and the like, as a user would fill them in. */
function filledIn(command: string): string[] {
  const words = command.replaceAll('<color>', 'blue').replaceAll(/<[^>]+>/g, 'x')
  return [...words.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)
}

/** Those in backquotes, and those in blocks. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(chart, page), 'utf8')
  const found = [...text.matchAll(/`(shopctl [^`]+)`|^(shopctl .+)$/gm)]
  return found.map(([, inline, block]) => inline ?? block ?? '')
}

/** Throws what a user would read. */
async function parse(command: string): Promise<string | undefined> {
  let env: string | undefined
  const program = createProgram(
    {
      inEnvironment: async (chosen) => {
        env = chosen.opts<{ env: string }>().env
      },
      onPlatform: async () => {},
    },
    signal,
  )
  await program.parseAsync(filledIn(command).slice(1), { from: 'user' })
  return env
}

describe('runbooks', () => {
  it('name a command to run first', () => {
    for (const page of pages) expect(commandsOf(page), page).not.toEqual([])
  })

  it.each(pages.flatMap((page) => commandsOf(page).map((command) => [basename(page), command])))(
    '%s: %s',
    async (_, command) => {
      const env = await parse(command)
      // Without it, somebody on call would look into, or change, the environment `local`.
      expect(env).toBe(/^shopctl platform/.test(command) ? undefined : 'x')
    },
  )
})

describe('alerts', () => {
  const texts = ['rules', 'promises'].map((name) =>
    readFileSync(join(chart, `files/${name}.yaml`), 'utf8'),
  )
  const commands = [...texts.join('\n').matchAll(/^ *command: (.+)$/gm)].map(([, text]) => text)

  it.each([...new Set(commands)])('%s', async (command = '') => {
    const filled = command.replace('%env%', '--env x').replaceAll(/\{\{[^}]+\}\}/g, 'x')
    expect(await parse(filled)).toBe('x')
  })
})
