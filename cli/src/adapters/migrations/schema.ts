// The objects that migrations have created so far, as far as the check needs them.
import type { ColumnDef, Constraint, Node, RangeVar } from 'libpg-query'

export interface Rule {
  kind: 'check' | 'unique' | 'other'
  /** Of `CHECK (column IN (…))`. */
  values: { column: string; allowed: Set<string> } | null
}

export interface Schema {
  /** Notes what a statement creates or drops. */
  note(node: Node): void
  /** The old code uses exactly what exists now. */
  endOfFile(): void
  /** Created by this file, so the old code does not use it. */
  isNew(name: string): boolean
  /** Added by this file, and null in every row that the old code writes. */
  isNewColumn(table: string, column: string): boolean
  /** Finds it even when this file has dropped it: the old code relies on it. */
  ruleOf(table: string, constraint: string): Rule | undefined
  isUniqueIndex(name: string): boolean
  /** What of the old code `OR REPLACE` replaces, as `view v`. */
  replacedBy(node: Node): string | null
}

export function createSchema(): Schema {
  const made = new Set<string>()
  const emptyColumns = new Set<string>()
  const rules = new Map<string, Rule>()
  const dropped = new Set<string>()
  const uniqueIndexes = new Set<string>()
  const replaceable = new Set<string>()
  const noteRule = (table: string, rule: Constraint, column?: string): void => {
    const name = `${table} ${constraintName(table, rule, column)}`
    dropped.delete(name)
    rules.set(name, {
      kind: kindOf(rule),
      values: valuesOf(rule.raw_expr),
    })
  }
  const noteColumn = (table: string, column: ColumnDef): void => {
    for (const rule of constraintsOf(column)) noteRule(table, rule, column.colname)
  }
  const noteAlteration = (table: string, cmd: Node): void => {
    if (!('AlterTableCmd' in cmd)) return
    const { subtype, name = '', def } = cmd.AlterTableCmd
    if (subtype === 'AT_DropConstraint') dropped.add(`${table} ${name}`)
    if (!def) return
    if ('Constraint' in def) noteRule(table, def.Constraint)
    if (subtype !== 'AT_AddColumn' || !('ColumnDef' in def)) return
    noteColumn(table, def.ColumnDef)
    const isEmpty = constraintsOf(def.ColumnDef).every(
      ({ contype }) => contype === 'CONSTR_NULL' || contype === 'CONSTR_CHECK',
    )
    const made = isEmpty && !isSerial(def.ColumnDef) && !cmd.AlterTableCmd.missing_ok
    if (made) emptyColumns.add(`${table} ${def.ColumnDef.colname}`)
  }
  const noteTable = (relation: RangeVar | undefined, elements: Node[] = []): void => {
    const table = relationName(relation)
    for (const element of elements) {
      if ('ColumnDef' in element) noteColumn(table, element.ColumnDef)
      if ('Constraint' in element) noteRule(table, element.Constraint)
    }
  }
  return {
    note(node) {
      for (const name of madeBy(node)) made.add(name)
      const { what } = replaceableOf(node) ?? {}
      if (what) replaceable.add(what)
      for (const name of goneBy(node)) made.delete(name)
      const { relation, subname, newname = '' } = 'RenameStmt' in node ? node.RenameStmt : {}
      // A column or a constraint has a `subname`.
      if (!subname && made.delete(relationName(relation))) {
        made.add(nameOf([relation?.schemaname ?? '', newname]))
      }
      if ('CreateStmt' in node) noteTable(node.CreateStmt.relation, node.CreateStmt.tableElts)
      if ('AlterTableStmt' in node) {
        const table = relationName(node.AlterTableStmt.relation)
        for (const cmd of node.AlterTableStmt.cmds ?? []) noteAlteration(table, cmd)
      }
      if ('IndexStmt' in node && node.IndexStmt.unique) {
        uniqueIndexes.add(node.IndexStmt.idxname ?? '')
      }
    },
    endOfFile() {
      for (const name of dropped) rules.delete(name)
      dropped.clear()
      made.clear()
      emptyColumns.clear()
    },
    isNew: (name) => made.has(name) || made.has(`schema ${name.split('.')[0]}`),
    isNewColumn: (table, column) => emptyColumns.has(`${table} ${column}`),
    ruleOf: (table, constraint) => rules.get(`${table} ${constraint}`),
    isUniqueIndex: (name) => uniqueIndexes.has(unqualified(name)),
    replacedBy(node) {
      const { what = '', name = '', replace } = replaceableOf(node) ?? {}
      return replace && replaceable.has(what) && !made.has(name) ? what : null
    },
  }
}

/** Without `public.`, the default schema. */
export function relationName(relation: RangeVar | undefined): string {
  return nameOf([relation?.schemaname ?? '', relation?.relname ?? ''])
}

export function nameOf(words: string[]): string {
  return words.filter((word, index) => word !== '' && (index > 0 || word !== 'public')).join('.')
}

export function wordsOf(nodes: Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : []))
}

function unqualified(name: string): string {
  return name.split('.').at(-1) ?? name
}

function madeBy(node: Node): string[] {
  const name = mayFindOne(node) ? null : nameMadeBy(node)
  return name === null ? [] : [name]
}

/** `IF NOT EXISTS` and `OR REPLACE` may find an object that the old code uses. */
function mayFindOne(node: Node): boolean {
  const [statement] = Object.values(node) as { if_not_exists?: boolean; replace?: boolean }[]
  return statement?.if_not_exists === true || statement?.replace === true
}

function nameMadeBy(node: Node): string | null {
  if ('CreateStmt' in node) return relationName(node.CreateStmt.relation)
  if ('CreateTableAsStmt' in node) return relationName(node.CreateTableAsStmt.into?.rel)
  if ('ViewStmt' in node) return relationName(node.ViewStmt.view)
  if ('IndexStmt' in node) return node.IndexStmt.idxname ?? ''
  if ('CreateSeqStmt' in node) return relationName(node.CreateSeqStmt.sequence)
  if ('CreateEnumStmt' in node) return nameOf(wordsOf(node.CreateEnumStmt.typeName))
  if ('CompositeTypeStmt' in node) return relationName(node.CompositeTypeStmt.typevar)
  if ('CreateDomainStmt' in node) return nameOf(wordsOf(node.CreateDomainStmt.domainname))
  if ('CreateFunctionStmt' in node) return `${nameOf(wordsOf(node.CreateFunctionStmt.funcname))}()`
  if ('CreateTrigStmt' in node) {
    const { trigname, relation } = node.CreateTrigStmt
    return `${relationName(relation)}.${trigname}`
  }
  return 'CreateSchemaStmt' in node ? `schema ${node.CreateSchemaStmt.schemaname}` : null
}

/** What can be created with OR REPLACE, and its name as in `nameMadeBy`. */
function replaceableOf(node: Node): { what: string; name: string; replace: boolean } | null {
  if ('ViewStmt' in node) {
    const name = relationName(node.ViewStmt.view)
    return { what: `view ${name}`, name, replace: node.ViewStmt.replace ?? false }
  }
  if ('CreateFunctionStmt' in node) {
    const { replace = false, funcname } = node.CreateFunctionStmt
    const name = nameOf(wordsOf(funcname))
    return { what: `function ${name}`, name: `${name}()`, replace }
  }
  if ('CreateTrigStmt' in node) {
    const { replace = false, trigname, relation } = node.CreateTrigStmt
    const name = `${relationName(relation)}.${trigname}`
    return { what: `trigger ${name}`, name, replace }
  }
  return null
}

/** After a temporary table is dropped, its name may again be that of a table of the old code. */
function goneBy(node: Node): string[] {
  if (!('DropStmt' in node)) return []
  return (node.DropStmt.objects ?? []).map((object) => nameOf(wordsOf(listOf(object))))
}

/** The words of a name, without arguments or type modifiers. */
export function listOf(object: Node | undefined): Node[] {
  if (!object) return []
  if ('List' in object) return object.List.items ?? []
  if ('TypeName' in object) return object.TypeName.names ?? []
  if ('ObjectWithArgs' in object) return object.ObjectWithArgs.objname ?? []
  return [object]
}

export function constraintsOf(column: ColumnDef): Constraint[] {
  return (column.constraints ?? []).flatMap((node) =>
    'Constraint' in node ? [node.Constraint] : [],
  )
}

/** `serial` implies a default. */
export function isSerial(column: ColumnDef): boolean {
  return /^(small|big)?serial[248]?$/.test(wordsOf(column.typeName?.names).at(-1) ?? '')
}

function kindOf({ contype }: Constraint): Rule['kind'] {
  if (contype === 'CONSTR_CHECK') return 'check'
  return contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_PRIMARY' ? 'unique' : 'other'
}

/** Its own name, or the one that Postgres generates. */
export function constraintName(table: string, rule: Constraint, column?: string): string {
  if (rule.conname) return rule.conname
  const name = unqualified(table)
  if (rule.contype === 'CONSTR_PRIMARY') return `${name}_pkey`
  const columns = column ? [column] : columnsOf(rule)
  if (rule.contype === 'CONSTR_CHECK')
    return [name, ...(columns.length === 1 ? columns : []), 'check'].join('_')
  return [name, ...columns, rule.contype === 'CONSTR_UNIQUE' ? 'key' : 'fkey'].join('_')
}

/** The columns of its own table that a constraint names, each once. */
export function columnsOf(rule: Constraint): string[] {
  const named = [...wordsOf(rule.keys), ...wordsOf(rule.fk_attrs)]
  return [...new Set([...named, ...columnsIn(rule.raw_expr)])]
}

function columnsIn(expression: unknown): string[] {
  if (typeof expression !== 'object' || expression === null) return []
  if ('ColumnRef' in expression) {
    const { fields } = expression.ColumnRef as { fields?: Node[] }
    return wordsOf(fields).slice(-1)
  }
  return Object.values(expression).flatMap(columnsIn)
}

export function valuesOf(expression: Node | undefined): Rule['values'] {
  if (!expression || !('A_Expr' in expression)) return null
  const { kind, name, lexpr, rexpr } = expression.A_Expr
  const isIn = kind === 'AEXPR_IN' && wordsOf(name)[0] === '='
  if (!isIn || !lexpr || !('ColumnRef' in lexpr) || !rexpr || !('List' in rexpr)) return null
  const constants = (rexpr.List.items ?? []).map((item) =>
    'A_Const' in item ? (item.A_Const.sval?.sval ?? item.A_Const.ival?.ival) : undefined,
  )
  if (constants.includes(undefined)) return null
  return { column: columnsIn(lexpr)[0] ?? '', allowed: new Set(constants.map(String)) }
}
