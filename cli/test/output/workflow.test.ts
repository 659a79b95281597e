// What a workflow gets. The parsers here follow the rules of GitHub's runner.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { failed, refused } from '../../src/errors.ts'
import { report } from '../../src/output/errors.ts'
import { type Result, show } from '../../src/output/result.ts'
import {
  commandLine,
  errorAnnotations,
  harmless,
  setOutputs,
  type Workflow,
  workflowOf,
} from '../../src/output/workflow.ts'
import { configText } from '../fakes/config.ts'

interface Command {
  name: string
  properties: Record<string, string>
  message: string
}

/** null: the line is no command. */
function parseCommand(line: string): Command | null {
  const [, name, given = '', message = ''] =
    /^\s*::([a-z-]+)(?: (.*?))?::([\s\S]*)$/.exec(line) ?? []
  if (!name) return null
  const plain = (text: string): string =>
    text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
  const properties = given
    .split(',')
    .filter(Boolean)
    .map((pair) => {
      const [key = '', value = ''] = pair.split(/=(.*)/s)
      return [key, plain(value.replaceAll('%3A', ':').replaceAll('%2C', ','))] as const
    })
  return { name, properties: Object.fromEntries(properties), message: plain(message) }
}

function commandsIn(text: string): Command[] {
  return text.split('\n').flatMap((line) => parseCommand(line) ?? [])
}

function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {}
  const lines = text.split('\n')
  while (lines.length > 1) {
    const [name = '', end] = (lines.shift() ?? '').split('<<')
    const at = lines.indexOf(end ?? '')
    if (at < 0) throw new Error(`${name} does not end`)
    outputs[name] = lines
      .splice(0, at + 1)
      .slice(0, -1)
      .join('\n')
  }
  return outputs
}

let workflow: Workflow & { summaryFile: string; outputFile: string }
beforeEach(() => {
  const workspace = mkdtempSync(join(tmpdir(), 'workflow-'))
  const [summaryFile, outputFile] = [join(workspace, 'summary'), join(workspace, 'output')]
  workflow = { workspace, summaryFile, outputFile }
})
afterEach(() => rmSync(workflow.workspace, { recursive: true }))

function recorder() {
  const written: string[] = []
  return { write: (text: string) => written.push(text), text: () => written.join('') }
}

it.each<[NodeJS.ProcessEnv, boolean]>([
  [{}, false],
  [{ GITHUB_ACTIONS: 'false' }, false],
  [{ CI: 'true' }, false],
  [{ GITHUB_ACTIONS: 'true' }, true],
])('%j is a workflow: %s', (env, expected) => {
  expect(workflowOf(env) !== null).toBe(expected)
})

describe('a command to the runner', () => {
  it.each([
    ['100 %', '::error::100 %25\n'],
    ['a\nb\r\nc', '::error::a%0Ab%0D%0Ac\n'],
    ['%0A', '::error::%250A\n'],
    ['::warning::x', '::error::::warning::x\n'],
  ])('carries %j', (message, expected) => {
    expect(commandLine('error', message)).toBe(expected)
  })

  it('keeps its properties apart', () => {
    const line = commandLine('error', 'no', { file: 'a::b,c=d', line: 7 })
    expect(line).toBe('::error file=a%3A%3Ab%2Cc=d,line=7::no\n')
  })

  it('is one line, and says what was meant', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab%:,=\r\n0AD253]#;é ') })
    fc.assert(
      fc.property(text, text, (message, file) => {
        const line = commandLine('error', message, { file, line: 7 })
        expect(line.slice(0, -1)).not.toMatch(/[\r\n]/)
        const properties = { ...(file && { file }), line: '7' }
        expect(parseCommand(line.slice(0, -1))).toMatchObject({
          name: 'error',
          properties,
          message,
        })
      }),
    )
  })
})

describe('what another program printed', () => {
  it.each([
    ['::add-mask::a', ': :add-mask::a'],
    ['ok\n  ::error::no', 'ok\n  : :error::no'],
    ['see ##[error]no', 'see ## [error]no'],
    ['a::b', 'a::b'],
  ])('%j is no command', (text, expected) => {
    expect(harmless(text)).toBe(expected)
    expect(commandsIn(harmless(text))).toEqual([])
  })
})

describe('the annotations of an error', () => {
  const options = () => ({ title: 'shopctl plan', workspace: process.cwd() })
  const parsed = (message: string, hint: string | null = null) =>
    errorAnnotations({ message, hint }, options()).flatMap(commandsIn)

  it('is one, with its hint', () => {
    expect(parsed('No.\nsaid: 100 %', 'Try again.')).toEqual([
      {
        ...{ name: 'error', properties: { title: 'shopctl plan' } },
        message: 'No.\nsaid: 100 %\nTry again.',
      },
    ])
  })

  it('are one for each place in a file', () => {
    const lines = ['shopctl.yaml:3:5: services.web: expected a map', 'a/b,c.sql:1:1: drops a table']
    expect(parsed(lines.join('\n'))).toMatchObject([
      {
        properties: { file: 'shopctl.yaml', line: '3', col: '5' },
        message: 'services.web: expected a map',
      },
      { properties: { file: 'a/b,c.sql', line: '1', col: '1' }, message: 'drops a table' },
    ])
  })

  it('are one for each mistake in shopctl.yaml, of which all but the first are indented', () => {
    const text = configText.replaceAll('chart: ', 'cahrt: ')
    const mistakes = (): string => {
      try {
        return String(parseConfig(text, 'shopctl.yaml'))
      } catch (error) {
        return error instanceof Error ? error.message : ''
      }
    }
    const places = [...mistakes().matchAll(/^ *shopctl\.yaml:(\d+):/gm)].map(([, line]) => line)
    expect(places.length).toBeGreaterThan(1)
    expect(parsed(mistakes()).map(({ properties }) => properties.line)).toEqual(places)
  })

  it('are no more than GitHub shows', () => {
    const lines = Array.from({ length: 30 }, (_, line) => `shopctl.yaml:${line + 1}:1: no`)
    expect(parsed(lines.join('\n'))).toHaveLength(10)
  })

  it('name no file outside of the checkout', () => {
    const [one, ...more] = parsed('/etc/passwd:1:1: no')
    expect(one?.properties).toEqual({ title: 'shopctl plan' })
    expect(more).toEqual([])
  })
})

it('outputs are safe, whatever they hold', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab\n<=_ ') }), (value) => {
      writeFileSync(workflow.outputFile, '')
      setOutputs(workflow, { release: value, colors: 'x' })
      const found = parseOutputs(readFileSync(workflow.outputFile, 'utf8'))
      expect(found).toEqual({ release: value, colors: 'x' })
    }),
  )
})

describe('a result', () => {
  const result: Result = {
    document: { version: 1, release: 'r-1' },
    text: () => '::set-env::x',
    summary: 'r-1: order green',
    tables: [[['SERVICE'], ['order']]],
    outputs: {
      ...{ release: 'r-1', colors: { order: 'green' }, digests: { order: 'sha256:abc' } },
      standby: ['order', 'payment'],
      images: [{ name: 'r/order', digest: 'sha256:abc', registry: 'r' }],
    },
  }
  const shown = (over: Partial<Result> = {}) => {
    const [out, err] = [recorder(), recorder()]
    const options = { json: true, verbose: false, title: 'shopctl switch' }
    const exitCode = show({ ...result, ...over }, options, { out, err }, workflow)
    return { exitCode, out: out.text(), err: err.text() }
  }

  it('is one document on stdout, and in the files of the step', () => {
    expect(shown()).toEqual({ exitCode: 0, out: '{"version":1,"release":"r-1"}\n', err: '' })
    expect(parseOutputs(readFileSync(workflow.outputFile, 'utf8'))).toEqual({
      ...{ release: 'r-1', colors: '{"order":"green"}', digests: '{"order":"sha256:abc"}' },
      standby: 'order,payment',
      images: '[{"name":"r/order","digest":"sha256:abc","registry":"r"}]',
    })
    expect(readFileSync(workflow.summaryFile, 'utf8')).toMatch(/✓ shopctl switch[\s\S]*\| order \|/)
  })

  it('is no command to the runner, as a text and as a document', () => {
    const document = { version: 1, reason: '##[add-mask]x' }
    const out = (json: boolean): string => {
      const stream = recorder()
      const options = { json, verbose: false, title: 'shopctl history' }
      show({ ...result, document }, options, { out: stream, err: recorder() }, workflow)
      return stream.text()
    }
    expect(commandsIn(out(false))).toEqual([])
    expect(out(true)).not.toContain('##[')
    expect(JSON.parse(out(true))).toEqual(document)
  })

  it('that is bad news is a failure in the summary too', () => {
    const failure = failed({ code: 'not-balanced', message: 'No balance.' })
    const { exitCode, out, err } = shown({ failure })
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '{"version":1,"release":"r-1"}\n' })
    expect(commandsIn(err)).toMatchObject([{ name: 'error', message: 'No balance.' }])
    expect(readFileSync(workflow.summaryFile, 'utf8')).not.toContain('✓')
  })

  it('is no failure where a file of the runner cannot be written', () => {
    workflow.outputFile = join(workflow.workspace, 'no', 'output')
    const { exitCode, err } = shown()
    expect(exitCode).toBe(0)
    expect(commandsIn(err)).toMatchObject([{ name: 'warning' }])
  })
})

describe('an error', () => {
  const shown = (error: unknown, json = false) => {
    const [out, err] = [recorder(), recorder()]
    const options = { json, verbose: false, title: 'shopctl deploy' }
    const exitCode = report(error, options, { out, err }, workflow)
    return { exitCode, out: out.text(), err: err.text() }
  }

  it('is an annotation on stderr, and a line of the summary', () => {
    const error = refused({ code: 'lock-held', message: 'Somebody holds it.', hint: 'Wait.' })
    const { exitCode, out, err } = shown(error, true)
    expect(exitCode).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'lock-held' } })
    expect(err).toMatch(/^✗ Somebody holds it.\n {2}Wait.\n::error title=shopctl deploy::/)
    expect(readFileSync(workflow.summaryFile, 'utf8')).toMatch(/✗ shopctl deploy[\s\S]*holds it/)
  })

  it('folds what a program printed, and obeys none of it', () => {
    const printed = Array.from({ length: 12 }, (_, line) => `::add-mask::${line}`)
    const error = failed({ code: 'x', message: ['It failed:', ...printed].join('\n') })
    const names = commandsIn(shown(error).err).map(({ name }) => name)
    expect(names).toEqual(['group', 'endgroup', 'error'])
  })
})
