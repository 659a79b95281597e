// Why a statement may break older code. A statement that is not known to only add is refused.
import type {
  AlterEnumStmt,
  AlterObjectSchemaStmt,
  AlterTableCmd,
  ColumnDef,
  Constraint,
  DeleteStmt,
  DropStmt,
  IndexStmt,
  Node,
  RangeVar,
  RenameStmt,
  TruncateStmt,
} from 'libpg-query'
import {
  columnsOf,
  constraintName,
  constraintsOf,
  isSerial,
  listOf,
  nameOf,
  relationName,
  type Schema,
  valuesOf,
  wordsOf,
} from './schema.ts'
import { rewritten, sessionChange } from './transaction.ts'

/** Statements that create objects, change rows, or change nothing permanent. */
const harmless = new Set(
  `CreateStmt CreateTableAsStmt CreateSchemaStmt CreateSeqStmt CreateEnumStmt CompositeTypeStmt CreateRangeStmt
  CreateDomainStmt CreateFunctionStmt CreateExtensionStmt CreateStatsStmt CreateTrigStmt DefineStmt ViewStmt
  RefreshMatViewStmt InsertStmt UpdateStmt MergeStmt SelectStmt CopyStmt CallStmt CommentStmt VariableSetStmt
  VariableShowStmt TransactionStmt LockStmt NotifyStmt VacuumStmt ExplainStmt ReindexStmt ClusterStmt`.split(
    /\s+/,
  ),
)

/** Actions of ALTER TABLE that do not affect code. */
const harmlessActions = new Set(
  `AT_DropNotNull AT_ValidateConstraint AT_SetStatistics AT_SetOptions AT_ResetOptions AT_SetStorage AT_SetCompression
  AT_SetRelOptions AT_ResetRelOptions AT_ClusterOn AT_DropCluster AT_ReplicaIdentity AT_AttachPartition
  AT_SetTableSpace`.split(/\s+/),
)

/** Empty when it only adds. */
export function contractionsOf(node: Node, schema: Schema): string[] {
  const kind = Object.keys(node)[0] ?? ''
  const session = sessionChange(node)
  if (session) return [session]
  const old = rewritten(node).filter((name) => !schema.isNew(name))
  if (old.length > 0) return [`locks ${old.join(', ')} for the other color while it writes it anew`]
  const replaced = schema.replacedBy(node)
  if (replaced)
    return [`replaces the ${replaced}, which the other color may use: choose a new name`]
  if (harmless.has(kind)) {
    return deletionsIn(node).flatMap((deletion) => otherwise(deletion, '', schema) ?? [])
  }
  if ('AlterTableStmt' in node) {
    const table = relationName(node.AlterTableStmt.relation)
    if (schema.isNew(table)) return []
    const cmds = (node.AlterTableStmt.cmds ?? []).flatMap((cmd) =>
      'AlterTableCmd' in cmd ? [cmd.AlterTableCmd] : [],
    )
    return cmds.flatMap((cmd) => alteration(table, cmd, cmds, schema) ?? [])
  }
  const why = otherwise(node, kind, schema)
  return why === null ? [] : [why]
}

function otherwise(node: Node, kind: string, schema: Schema): string | null {
  if ('DropStmt' in node) return drop(node.DropStmt, schema)
  if ('RenameStmt' in node) return renaming(node.RenameStmt, schema)
  if ('AlterObjectSchemaStmt' in node) return moving(node.AlterObjectSchemaStmt, schema)
  if ('TruncateStmt' in node) return truncation(node.TruncateStmt, schema)
  if ('DeleteStmt' in node) return deletion(node.DeleteStmt, schema)
  if ('IndexStmt' in node) return index(node.IndexStmt, schema)
  if ('AlterEnumStmt' in node) return enumChange(node.AlterEnumStmt, schema)
  const grant = grantOf(node)
  if (grant) return grant.is_grant ? null : 'revokes privileges'
  const altered = alteredBy(node)
  if (altered !== null && schema.isNew(altered)) return null
  return `is not known to only add (${kind.replace(/Stmt$/, '')})`
}

function renaming(
  { relation, object, subname, newname }: RenameStmt,
  schema: Schema,
): string | null {
  const name = relation ? relationName(relation) : nameOf(wordsOf(listOf(object)))
  if (schema.isNew(name)) return null
  const renamed = subname && relation ? `${subname} of ${name}` : name
  return `renames ${renamed} to ${newname}: the other color knows the old name`
}

function moving(
  { relation, object, newschema }: AlterObjectSchemaStmt,
  schema: Schema,
): string | null {
  const name = relation ? relationName(relation) : nameOf(wordsOf(listOf(object)))
  return schema.isNew(name) ? null : `moves ${name} to the schema ${newschema}`
}

function truncation({ relations }: TruncateStmt, schema: Schema): string | null {
  const old = relationsOf(relations).filter((name) => !schema.isNew(name))
  return old.length > 0 ? `deletes all rows of ${old.join(', ')}` : null
}

function deletion({ relation, whereClause: where }: DeleteStmt, schema: Schema): string | null {
  const table = relationName(relation)
  const isAll = !where || ('A_Const' in where && where.A_Const.boolval !== undefined)
  return isAll && !schema.isNew(table) ? `deletes all rows of ${table}` : null
}

function index({ unique, relation, indexParams = [] }: IndexStmt, schema: Schema): string | null {
  const table = relationName(relation)
  const columns = indexParams.map((each) => ('IndexElem' in each && each.IndexElem.name) || '')
  if (!unique || schema.isNew(table) || areNew(table, columns, schema)) return null
  return `the other color may write the same values of ${columns.join(', ')} twice`
}

function enumChange({ oldVal, newVal, typeName }: AlterEnumStmt, schema: Schema): string | null {
  if (!oldVal || schema.isNew(nameOf(wordsOf(typeName)))) return null
  return `${newVal ? 'renames' : 'removes'} the value ${oldVal}, which the other color may use`
}

/** Of GRANT and REVOKE. */
function grantOf(node: Node): { is_grant?: boolean } | null {
  if ('GrantStmt' in node) return node.GrantStmt
  if ('GrantRoleStmt' in node) return node.GrantRoleStmt
  return 'AlterDefaultPrivilegesStmt' in node
    ? (node.AlterDefaultPrivilegesStmt.action ?? {})
    : null
}

/** The sequence or domain that a statement changes. */
function alteredBy(node: Node): string | null {
  if ('AlterSeqStmt' in node) return relationName(node.AlterSeqStmt.sequence)
  return 'AlterDomainStmt' in node ? nameOf(wordsOf(node.AlterDomainStmt.typeName)) : null
}

/** In a WITH query or below EXPLAIN ANALYZE. */
function deletionsIn(node: unknown): Node[] {
  if (typeof node !== 'object' || node === null) return []
  const own = 'DeleteStmt' in node ? [node as Node] : []
  return [...own, ...Object.values(node).flatMap(deletionsIn)]
}

function relationsOf(nodes: Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) =>
    'RangeVar' in node ? [relationName(node.RangeVar as RangeVar)] : [],
  )
}

const kinds: Record<string, string> = { OBJECT_MATVIEW: 'materialized view' }

function drop(
  { removeType = 'OBJECT_TABLE', objects = [] }: DropStmt,
  schema: Schema,
): string | null {
  const kind =
    kinds[removeType] ?? removeType.replace('OBJECT_', '').toLowerCase().replaceAll('_', ' ')
  const names = objects.map((object) => nameOf(wordsOf(listOf(object))))
  const old = names.filter((name) => !schema.isNew(noted(kind, name)))
  if (removeType === 'OBJECT_INDEX') {
    const unique = old.filter((name) => schema.isUniqueIndex(name))
    return unique.length > 0 ? onConflict(`the unique index ${unique.join(', ')}`) : null
  }
  if (removeType === 'OBJECT_STATISTIC_EXT' || old.length === 0) return null
  return `removes the ${kind} ${old.join(', ')}`
}

/** Its name as the schema notes it. */
function noted(kind: string, name: string): string {
  if (kind === 'schema') return `schema ${name}`
  return kind === 'function' ? `${name}()` : name
}

function onConflict(what: string): string {
  return `removes ${what}, which the other color may name in ON CONFLICT`
}

function areNew(table: string, columns: string[], schema: Schema): boolean {
  return columns.length > 0 && columns.every((column) => schema.isNewColumn(table, column))
}

function alteration(
  table: string,
  { subtype = 'AT_AddColumn', name = '', def }: AlterTableCmd,
  all: AlterTableCmd[],
  schema: Schema,
): string | null {
  if (harmlessActions.has(subtype) || subtype.startsWith('AT_EnableTrig')) return null
  const column = `the column ${name} of ${table}`
  switch (subtype) {
    case 'AT_AddColumn':
      return def && 'ColumnDef' in def ? addition(table, def.ColumnDef) : null
    case 'AT_DropColumn':
      return `removes ${column}`
    case 'AT_AlterColumnType':
      return `changes the type of ${column}`
    case 'AT_SetNotNull':
      return `the other color may leave ${column} empty`
    case 'AT_ColumnDefault':
      return def && !isNullConstant(def)
        ? null
        : `removes the default of ${column}, which the other color may rely on`
    case 'AT_DropConstraint':
      return schema.ruleOf(table, name)?.kind === 'unique'
        ? onConflict(`the constraint ${name} of ${table}`)
        : null
    case 'AT_AddConstraint':
      return def && 'Constraint' in def ? constraint(table, def.Constraint, all, schema) : null
    default:
      return `changes ${table} in a way that is not known to only add (${subtype.replace('AT_', '')})`
  }
}

function addition(table: string, column: ColumnDef): string | null {
  const rules = constraintsOf(column)
  const has = (...types: string[]): boolean =>
    rules.some(({ contype = '' }) => types.includes(contype))
  const isNull = rules.some(
    ({ contype, raw_expr: value }) =>
      contype === 'CONSTR_DEFAULT' && value && isNullConstant(value),
  )
  const filled =
    isSerial(column) ||
    has('CONSTR_IDENTITY', 'CONSTR_GENERATED') ||
    (has('CONSTR_DEFAULT') && !isNull)
  const name = `the column ${column.colname} of ${table}`
  if (has('CONSTR_NOTNULL', 'CONSTR_PRIMARY') && !filled) {
    return `the other color does not know ${name}, and would have to give it a value`
  }
  const isChecked = rules.some(
    ({ contype, raw_expr: rule }) => contype === 'CONSTR_CHECK' && mayRefuseNull(rule),
  )
  if (isChecked && !filled)
    return `the other color leaves ${name} empty, which its check may refuse`
  if (has('CONSTR_UNIQUE', 'CONSTR_PRIMARY') && has('CONSTR_DEFAULT') && !isNull) {
    return `${name} gets the same value in every row that the other color writes, and may have it once`
  }
  return null
}

function isNullConstant(value: Node): boolean {
  return 'A_Const' in value && value.A_Const.isnull === true
}

/** A check of a null value is null, and passes, unless it asks whether there is one. */
function mayRefuseNull(expression: unknown): boolean {
  if (typeof expression !== 'object' || expression === null) return false
  if ('nulltesttype' in expression && expression.nulltesttype === 'IS_NOT_NULL') return true
  if ('CoalesceExpr' in expression || 'BooleanTest' in expression) return true
  if ('kind' in expression && /^AEXPR_(NOT_)?DISTINCT$/.test(String(expression.kind))) return true
  if ('funcname' in expression && JSON.stringify(expression.funcname).includes('num_n')) return true
  return Object.values(expression).some(mayRefuseNull)
}

function constraint(
  table: string,
  rule: Constraint,
  all: AlterTableCmd[],
  schema: Schema,
): string | null {
  const name = constraintName(table, rule)
  const added = all.flatMap(({ subtype, def }) =>
    subtype === 'AT_AddColumn' && def && 'ColumnDef' in def && !addition(table, def.ColumnDef)
      ? [def.ColumnDef]
      : [],
  )
  const isEmpty = (column: string): boolean =>
    schema.isNewColumn(table, column) ||
    added.some(({ colname, constraints = [] }) => colname === column && constraints.length === 0)
  const columns = columnsOf(rule)
  const onNew = columns.length > 0 && columns.every(isEmpty)
  const mayFail = ['CONSTR_PRIMARY', 'CONSTR_NOTNULL'].includes(rule.contype ?? '')
  if (onNew && !mayFail && !mayRefuseNull(rule.raw_expr)) return null
  const before = schema.ruleOf(table, name)?.values
  const after = valuesOf(rule.raw_expr)
  if (after && before?.column === after.column) {
    const lost = [...before.allowed].filter((value) => !after.allowed.has(value))
    if (lost.length === 0) return null
    return `the constraint ${name} of ${table} no longer allows ${lost.join(', ')}, which the other color may write`
  }
  return `the other color may write what the constraint ${name} of ${table} forbids`
}
