// Statements that change the transaction or the session of a migration, or cannot run in a transaction.
import type { Node } from 'libpg-query'
import { wordsOf } from './schema.ts'

/** Settings that change what names mean, or who owns new objects. */
const decisive = new Set(['search_path', 'role', 'session_authorization'])

const harmless = new Set(['TRANS_STMT_SAVEPOINT', 'TRANS_STMT_RELEASE', 'TRANS_STMT_ROLLBACK_TO'])

/** Why the statements after it would not do what they seem to do. null: they do. */
export function sessionChange(node: Node): string | null {
  if ('TransactionStmt' in node) {
    const { kind = '' } = node.TransactionStmt
    return harmless.has(kind) ? null : 'each file runs in a transaction already: leave it out'
  }
  const name =
    'VariableSetStmt' in node && !node.VariableSetStmt.kind?.startsWith('VAR_RESET')
      ? (node.VariableSetStmt.name ?? '')
      : settingOf(node)
  if (name === null || !decisive.has(name)) return null
  return `changes ${name}: write names with their schema, and leave roles as they are`
}

/** The setting that a call of set_config changes. */
function settingOf(node: unknown): string | null {
  if (typeof node !== 'object' || node === null) return null
  if ('FuncCall' in node) {
    const { funcname, args } = node.FuncCall as { funcname?: Node[]; args?: Node[] }
    const [setting] = args ?? []
    if (wordsOf(funcname).at(-1) === 'set_config' && setting && 'A_Const' in setting) {
      return setting.A_Const.sval?.sval ?? null
    }
  }
  for (const child of Object.values(node)) {
    const found = settingOf(child)
    if (found !== null) return found
  }
  return null
}

/** The command, for example `CREATE INDEX CONCURRENTLY`. null: it can run in a transaction. */
export function outsideTransaction(node: Node): string | null {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent ? 'CREATE INDEX CONCURRENTLY' : null
  if ('DropStmt' in node) return node.DropStmt.concurrent ? 'DROP INDEX CONCURRENTLY' : null
  if ('ReindexStmt' in node) return isConcurrentReindex(node) ? 'REINDEX CONCURRENTLY' : null
  if ('VacuumStmt' in node) return node.VacuumStmt.is_vacuumcmd ? 'VACUUM' : null
  return null
}

function isConcurrentReindex(node: Node): boolean {
  const { params = [] } = 'ReindexStmt' in node ? node.ReindexStmt : {}
  return params.some((each) => 'DefElem' in each && each.DefElem.defname === 'concurrently')
}

/** Names of the tables or indexes that it locks for long, because it writes them anew. */
export function rewritten(node: Node): string[] {
  if ('ClusterStmt' in node) return [node.ClusterStmt.relation?.relname ?? 'all tables']
  if ('ReindexStmt' in node) {
    return isConcurrentReindex(node) ? [] : [node.ReindexStmt.relation?.relname ?? 'all tables']
  }
  if (!('VacuumStmt' in node)) return []
  const { options = [], rels = [] } = node.VacuumStmt
  const isFull = options.some((each) => 'DefElem' in each && each.DefElem.defname === 'full')
  if (!isFull) return []
  const names = rels.flatMap((each) =>
    'VacuumRelation' in each ? [each.VacuumRelation.relation?.relname ?? ''] : [],
  )
  return names.length > 0 ? names : ['all tables']
}
