// Finds, with Postgres' own parser, statements of a migration that may break the color with the old code.
import type { Node, ParseResult } from 'libpg-query'
import { refused, said } from '../../errors.ts'
import type { Contraction, MigrationCheck } from '../../release/ports/project.ts'
import { contractionsOf } from './contractions.ts'
import { createSchema, type Schema, wordsOf } from './schema.ts'
import { outsideTransaction } from './transaction.ts'

type Parser = typeof import('libpg-query')

export function createMigrationCheck(): MigrationCheck {
  return {
    async contractions(file, sql, earlier) {
      // Imported late: only `deploy` needs it, and it is WebAssembly.
      const parser = await import('libpg-query')
      await parser.loadModule()
      const schema = createSchema()
      for (const before of earlier) {
        for (const { node } of statementsOf(parser, file, before)) schema.note(node)
        schema.endOfFile()
      }
      const statements = statementsOf(parser, file, sql)
      refuseTransaction(statements)
      return statements.flatMap((statement) => check(parser, statement, schema))
    },
  }
}

interface Statement {
  file: string
  node: Node
  line: number
  source: string
}

function check(
  parser: Parser,
  { file, node, line, source }: Statement,
  schema: Schema,
): Contraction[] {
  if ('DoStmt' in node) return checkBlock(parser, { file, node, line, source }, schema)
  const whys = contractionsOf(node, schema)
  schema.note(node)
  return whys.map((why) => ({ line, statement: onOneLine(parser, source), why }))
}

/** The migrator runs such a statement alone, and finds an index by its name after it was killed. */
function refuseTransaction(statements: readonly Statement[]): void {
  for (const { file, node, line } of statements) {
    const command = outsideTransaction(node)
    if (!command) continue
    const message = `${file}, line ${line}: ${command} cannot run in a transaction.`
    if (statements.length > 1) {
      throw refused({ code: 'bad-migration', message, hint: 'Put it in a file of its own.' })
    }
    if ('IndexStmt' in node && !node.IndexStmt.idxname) {
      throw refused({ code: 'bad-migration', message, hint: 'Give the index a name.' })
    }
  }
}

function statementsOf(parser: Parser, file: string, sql: string): Statement[] {
  // The parser rejects empty text.
  if (leadOf(sql) === sql.length) return []
  // The parser counts bytes.
  const bytes = Buffer.from(sql)
  let parsed: ParseResult
  try {
    parsed = parser.parseSync(sql)
  } catch (cause) {
    const at = parser.hasSqlDetails(cause) ? (cause.sqlDetails?.cursorPosition ?? 0) : 0
    throw refused({
      code: 'bad-migration',
      message: `${file}, line ${lineOf(sql.slice(0, at))}: ${said(cause)}`,
      hint: 'Write plain SQL that Postgres accepts, without psql commands.',
      cause,
    })
  }
  return (parsed.stmts ?? []).flatMap(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
    if (!stmt) return []
    const end = length ? start + length : bytes.length
    const whole = bytes.subarray(start, end).toString()
    const source = whole.slice(leadOf(whole))
    const line = lineOf(bytes.subarray(0, start).toString() + whole.slice(0, leadOf(whole)))
    return [{ file, node: stmt, line, source: source.trim() }]
  })
}

/** Length of the white space and comments before the statement. */
function leadOf(text: string): number {
  return /^(\s+|--.*(\n|$)|\/\*[\s\S]*?\*\/)*/.exec(text)?.[0].length ?? 0
}

function lineOf(before: string): number {
  return before.split('\n').length
}

const longest = 160

function onOneLine(parser: Parser, source: string): string {
  const bytes = Buffer.from(source)
  let from = 0
  let text = ''
  for (const { start, end, tokenName } of parser.scanSync(source).tokens) {
    if (tokenName !== 'SQL_COMMENT' && tokenName !== 'C_COMMENT') continue
    text += bytes.subarray(from, start)
    from = end
  }
  text = `${text}${bytes.subarray(from)}`.replace(/\s+/g, ' ').trim()
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}

/** Postgres runs a DO block at once, so its statements are checked like those of the file. */
function checkBlock(
  parser: Parser,
  { file, node, line, source }: Statement,
  schema: Schema,
): Contraction[] {
  const refuse = (why: string): Contraction[] => [
    { line, statement: onOneLine(parser, source), why },
  ]
  let block: unknown
  try {
    if (languageOf(node) !== 'plpgsql') throw new Error('another language')
    block = parser.parsePlPgSQLSync(source)
  } catch {
    return refuse('a DO block can only be checked when it is written in PL/pgSQL')
  }
  // Line numbers in the block start with its text.
  const opening = source.search(/\$[^$]*\$|'/)
  const first = line + lineOf(source.slice(0, opening)) - 1
  return runsOf(parser, block).flatMap(({ query, lineno }) => {
    const at = first + lineno - 1
    if (query === null) {
      return [
        {
          line: at,
          statement: onOneLine(parser, source),
          why: 'it builds its SQL at run time: write the SQL out',
        },
      ]
    }
    return statementsOf(parser, file, query).flatMap((each) => {
      const inBlock = { ...each, line: at + each.line - 1 }
      const command = outsideTransaction(each.node)
      if (!command) return check(parser, inBlock, schema)
      const why = `${command} cannot run in a transaction: put it in a file of its own`
      return [{ line: inBlock.line, statement: onOneLine(parser, each.source), why }]
    })
  })
}

function languageOf(node: Node): string | undefined {
  const options = 'DoStmt' in node ? (node.DoStmt.args ?? []) : []
  const named = options.flatMap((option) =>
    'DefElem' in option && option.DefElem.defname === 'language' ? [option.DefElem.arg] : [],
  )
  return named.length === 0 ? 'plpgsql' : wordsOf(named.flatMap((name) => name ?? []))[0]
}

interface Run {
  /** null: only known at run time. */
  query: string | null
  lineno: number
}

/** The SQL of a parsed block, in order. */
function runsOf(parser: Parser, block: unknown, line = 1): Run[] {
  if (typeof block !== 'object' || block === null) return []
  if (Array.isArray(block)) return block.flatMap((each) => runsOf(parser, each, line))
  const lineno = 'lineno' in block && typeof block.lineno === 'number' ? block.lineno : line
  return Object.entries(block).flatMap(([name, value]) => {
    if (!isExpression(value)) return runsOf(parser, value, lineno)
    const { query, parseMode } = value.PLpgSQL_expr
    // PERFORM has its SQL in `expr`.
    const isSql = ['sqlstmt', 'query', 'dynquery'].includes(name)
    if (!isSql && (name !== 'expr' || parseMode !== asStatement)) return []
    return [{ query: parseMode === asExpression ? literalOf(parser, query) : query, lineno }]
  })
}

interface Expression {
  PLpgSQL_expr: { query: string; parseMode: number }
}

const asStatement = 0
/** `query` is an expression that returns SQL, as in EXECUTE. In other modes it is SQL. */
const asExpression = 2

function isExpression(value: unknown): value is Expression {
  return typeof value === 'object' && value !== null && 'PLpgSQL_expr' in value
}

function literalOf(parser: Parser, expression: string): string | null {
  const [selected] = parser.parseSync(`SELECT ${expression}`).stmts ?? []
  const select = selected?.stmt && 'SelectStmt' in selected.stmt ? selected.stmt.SelectStmt : null
  const [target] = select?.targetList ?? []
  const value = target && 'ResTarget' in target ? target.ResTarget.val : undefined
  return value && 'A_Const' in value ? (value.A_Const.sval?.sval ?? null) : null
}
