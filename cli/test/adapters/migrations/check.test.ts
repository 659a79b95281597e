// Which migrations may break the other color, by the real parser.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMigrationCheck } from '../../../src/adapters/migrations/check.ts'

const { contractions } = createMigrationCheck()

const earlier = [
  `CREATE TABLE orders (
     id uuid PRIMARY KEY,
     status text NOT NULL CHECK (status IN ('placed', 'paid')),
     reason text,
     key text NOT NULL UNIQUE
   );
   CREATE UNIQUE INDEX orders_by_reason ON orders (reason);
   CREATE INDEX orders_by_status ON orders (status);
   CREATE TABLE customers (id uuid PRIMARY KEY);
   CREATE FUNCTION total() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
   CREATE VIEW open_orders AS SELECT 1;
   CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION total()`,
]

async function whys(sql: string): Promise<string[]> {
  return (await contractions('0002.sql', sql, earlier)).map(({ why }) => why)
}

describe('refuses', () => {
  it.each<[string, RegExp]>([
    ['DROP TABLE orders', /removes the table orders/],
    ['DROP TABLE IF EXISTS shop.orders, customers CASCADE', /shop\.orders, customers/],
    ['DROP VIEW v', /the view v/],
    ['DROP MATERIALIZED VIEW v', /the materialized view v/],
    ['DROP SCHEMA shop', /the schema shop/],
    ['DROP TYPE mood', /the type mood/],
    ['DROP DOMAIN money', /the domain money/],
    ['DROP FUNCTION pass_gate(bigint)', /the function pass_gate/],
    ['DROP SEQUENCE s', /the sequence s/],
    ['DROP TRIGGER t ON orders', /the trigger orders\.t/],
    ['DROP EXTENSION pgcrypto', /the extension pgcrypto/],
    ['DROP OWNED BY me', /DropOwned/],
    ['DROP INDEX orders_by_reason', /unique index orders_by_reason.*ON CONFLICT/],
    ['TRUNCATE orders', /deletes all rows of orders/],
    ['DELETE FROM orders', /deletes all rows of orders/],
    ['alter table orders drop column reason', /removes the column reason of orders/],
    ['ALTER TABLE orders DROP reason', /removes the column reason of orders/],
    ['ALTER TABLE "orders" DROP "reason"', /removes the column reason of orders/],
    ['ALTER TABLE public.orders DROP reason', /removes the column reason of orders/],
    ['ALTER TABLE orders DROP CONSTRAINT orders_key_key', /orders_key_key.*ON CONFLICT/],
    ['ALTER TABLE orders DROP CONSTRAINT orders_pkey', /orders_pkey.*ON CONFLICT/],
    ['ALTER TABLE orders RENAME COLUMN reason TO why', /renames reason of orders to why/],
    ['ALTER TABLE orders RENAME reason TO why', /renames reason of orders to why/],
    ['ALTER TABLE orders RENAME TO purchases', /renames orders to purchases/],
    ['ALTER TABLE orders RENAME CONSTRAINT a TO b', /renames a of orders to b/],
    ['ALTER FUNCTION f(int) RENAME TO g', /renames f to g/],
    ['ALTER TYPE mood RENAME TO state', /renames mood to state/],
    ["ALTER TYPE mood RENAME VALUE 'sad' TO 'glad'", /renames the value sad/],
    ['ALTER TABLE orders SET SCHEMA archive', /moves orders to the schema archive/],
    ['ALTER TABLE orders ALTER COLUMN reason TYPE varchar(9)', /changes the type of .* reason/],
    ['ALTER TABLE orders ALTER reason SET DATA TYPE varchar(9)', /changes the type/],
    ['ALTER TABLE orders ALTER COLUMN reason SET NOT NULL', /may leave the column reason/],
    ['ALTER TABLE orders ALTER reason SET NOT NULL', /may leave the column reason/],
    ['ALTER TABLE orders ALTER reason /* really */ SET\nNOT NULL', /may leave the column reason/],
    ['ALTER TABLE orders ALTER status DROP DEFAULT', /removes the default/],
    ['ALTER TABLE orders ADD COLUMN note text NOT NULL', /does not know the column note/],
    ['ALTER TABLE orders ADD note text NOT NULL DEFAULT NULL', /does not know the column note/],
    ['ALTER TABLE orders ADD note text PRIMARY KEY', /does not know the column note/],
    ["ALTER TABLE orders ADD note text UNIQUE DEFAULT 'x'", /may have it once/],
    ["ALTER TABLE orders ADD CHECK (reason <> '')", /the constraint orders_reason_check/],
    ["ALTER TABLE orders ADD CONSTRAINT c CHECK (reason <> '') NOT VALID", /the constraint c/],
    ['ALTER TABLE orders ADD UNIQUE (reason)', /the constraint orders_reason_key/],
    ['ALTER TABLE orders ADD UNIQUE USING INDEX i', /the constraint/],
    ['ALTER TABLE orders ADD FOREIGN KEY (reason) REFERENCES reasons', /orders_reason_fkey/],
    ['ALTER TABLE orders ADD EXCLUDE USING gist (reason WITH =)', /the constraint/],
    ['ALTER TABLE orders ADD note text, ADD CHECK (note = reason)', /the constraint orders_check/],
    ['CREATE UNIQUE INDEX CONCURRENTLY i ON orders (reason)', /same values of reason twice/],
    ['ALTER TABLE orders ENABLE ROW LEVEL SECURITY', /EnableRowSecurity/],
    ['ALTER TABLE orders OWNER TO me', /ChangeOwner/],
    ['REVOKE SELECT ON orders FROM app', /revokes privileges/],
    ['ALTER SEQUENCE s RESTART', /AlterSeq/],
    ['CREATE RULE r AS ON INSERT TO orders DO INSTEAD NOTHING', /Rule/],
    [
      "ALTER TABLE orders DROP CONSTRAINT orders_status_check, ADD CONSTRAINT orders_status_check CHECK (status IN ('placed'))",
      /no longer allows paid/,
    ],
    ['CREATE TABLE IF NOT EXISTS orders (a int); DROP TABLE orders', /removes the table orders/],
    ['CREATE OR REPLACE VIEW w AS SELECT 1; DROP VIEW w', /removes the view w/],
    ['DROP TABLE orders; CREATE TABLE orders (a int)', /removes the table orders/],
    ['DO $$ BEGIN ALTER TABLE orders DROP reason; END $$', /removes the column reason/],
    [
      'DO $$ BEGIN IF true THEN LOOP DROP TABLE orders; END LOOP; END IF; END $$',
      /removes the table orders/,
    ],
    ["DO $$ BEGIN EXECUTE 'DROP TABLE orders'; END $$", /removes the table orders/],
    ["DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'orders'); END $$", /builds its SQL at run time/],
    ["DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'orders'; END $$", /builds its SQL at run time/],
    [
      "DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'DROP TABLE orders' LOOP END LOOP; END $$",
      /removes the table orders/,
    ],
    ['DO $$ BEGIN EXECUTE $q$DROP TABLE orders$q$; END $$', /removes the table orders/],
    [
      'DO $$ DECLARE r record; BEGIN FOR r IN DELETE FROM orders RETURNING * LOOP END LOOP; END $$',
      /deletes all rows of orders/,
    ],
    [
      'DO $$ BEGIN NULL; EXCEPTION WHEN others THEN DROP TABLE orders; END $$',
      /removes the table orders/,
    ],
    [
      'CREATE TEMP TABLE orders (a int); DROP TABLE orders; DROP TABLE orders',
      /removes the table orders/,
    ],
    ["DO 'BEGIN DROP TABLE orders; END'", /removes the table orders/],
    ['DO LANGUAGE plpython3u $$ x $$', /PL\/pgSQL/],
    ['WITH gone AS (DELETE FROM orders RETURNING id) SELECT 1', /deletes all rows of orders/],
    [
      'WITH gone AS (DELETE FROM orders RETURNING id) INSERT INTO customers SELECT id FROM gone',
      /deletes all rows of orders/,
    ],
    ['DELETE FROM orders WHERE true', /deletes all rows of orders/],
    ['EXPLAIN ANALYZE DELETE FROM orders', /deletes all rows of orders/],
    [
      'CREATE OR REPLACE FUNCTION total() RETURNS int LANGUAGE sql AS $$ SELECT 2 $$',
      /replaces the function total/,
    ],
    ['CREATE OR REPLACE VIEW open_orders AS SELECT 2', /replaces the view open_orders/],
    [
      'CREATE OR REPLACE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION total()',
      /replaces the trigger orders\.stamp/,
    ],
    [
      'ALTER TABLE orders ADD note text CHECK (note IS NOT NULL)',
      /leaves the column note .* empty/,
    ],
    [
      "ALTER TABLE orders ADD note text CHECK (coalesce(note, '') <> '')",
      /leaves the column note .* empty/,
    ],
    [
      'ALTER TABLE orders ADD note text, ADD CHECK (note IS NOT NULL)',
      /the constraint orders_note_check/,
    ],
    ['ALTER TABLE orders ALTER status SET DEFAULT NULL', /removes the default/],
    ['ALTER TABLE orders DETACH PARTITION p', /DetachPartition/],
    ['ALTER TABLE orders DISABLE TRIGGER stamp', /DisableTrig/],
    ['CREATE POLICY p ON orders USING (true)', /CreatePolicy/],
    ['ALTER DATABASE shop SET default_transaction_read_only = on', /AlterDatabaseSet/],
    ['ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY', /AddIdentity/],
    ['SET search_path TO archive', /search_path: write names with their schema/],
    ['SET LOCAL search_path = archive', /search_path/],
    ["SET SCHEMA 'archive'", /search_path/],
    ["SELECT set_config('search_path', 'archive', false)", /search_path/],
    ["DO $$ BEGIN PERFORM set_config('search_path', 'a', false); END $$", /search_path/],
    ['SET ROLE admin', /role/],
    ['SET SESSION AUTHORIZATION admin', /session_authorization/],
    ['COMMIT', /each file runs in a transaction/],
    ['ROLLBACK', /each file runs in a transaction/],
    ['VACUUM FULL orders', /locks orders .* while it writes it anew/],
    ['CLUSTER orders USING orders_pkey', /locks orders .* while it writes it anew/],
    ['REINDEX TABLE orders', /locks orders .* while it writes it anew/],
  ])('%s', async (sql, why) => {
    const found = await whys(sql)
    expect(found).toEqual([expect.stringMatching(why)])
  })
})

describe('accepts', () => {
  it.each([
    'ALTER TABLE orders ADD COLUMN note text',
    "ALTER TABLE orders ADD note text NOT NULL DEFAULT '', ADD position bigserial NOT NULL",
    'ALTER TABLE orders ADD number bigint GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE orders ADD note text UNIQUE CHECK (length(note) < 9)',
    'ALTER TABLE orders ADD customer uuid REFERENCES customers',
    'ALTER TABLE orders ADD note text, ADD CHECK (length(note) < 9)',
    'ALTER TABLE orders ADD note text; CREATE UNIQUE INDEX i ON orders (note)',
    'CREATE INDEX CONCURRENTLY orders_by_day ON orders (placed_at)',
    '-- never DROP TABLE orders\nSELECT 1',
    "SELECT 'DROP TABLE orders'",
    'ALTER TABLE orders ALTER COLUMN reason DROP NOT NULL',
    "ALTER TABLE orders ALTER reason SET DEFAULT ''",
    'ALTER TABLE orders VALIDATE CONSTRAINT c',
    'DROP INDEX orders_by_status',
    'DROP INDEX CONCURRENTLY orders_by_status',
    'REINDEX TABLE CONCURRENTLY orders',
    'REINDEX (CONCURRENTLY, VERBOSE) INDEX orders_by_status',
    'VACUUM ANALYZE orders',
    'ANALYZE orders; ANALYZE customers',
    'SET LOCAL lock_timeout = 1; SAVEPOINT a; RELEASE a',
    'ALTER TABLE orders ADD note text CHECK (note IS NULL OR length(note) < 9)',
    'CREATE OR REPLACE FUNCTION sum_up() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE VIEW w AS SELECT 1; CREATE OR REPLACE VIEW w AS SELECT 2; DROP VIEW w',
    'CREATE TABLE t (a int); REINDEX TABLE t',
    'WITH x AS (DELETE FROM orders WHERE reason IS NULL RETURNING id) SELECT 1',
    'ALTER TABLE orders DROP CONSTRAINT orders_status_check',
    "ALTER TABLE orders DROP CONSTRAINT orders_status_check, ADD CONSTRAINT orders_status_check CHECK (status IN ('placed', 'paid', 'sent')) NOT VALID",
    "ALTER TABLE orders DROP CONSTRAINT orders_status_check; ALTER TABLE orders ADD CHECK (status IN ('paid', 'placed'))",
    "ALTER TYPE mood ADD VALUE 'glad'",
    'CREATE TABLE t (a int); ALTER TABLE t DROP a, ADD b int NOT NULL; ALTER TABLE t RENAME TO u; TRUNCATE u; DROP TABLE u',
    'CREATE SCHEMA s; CREATE TABLE IF NOT EXISTS s.t (a int); DROP TABLE s.t; DROP SCHEMA s',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; DROP FUNCTION f()',
    'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE orders; END $$',
    'INSERT INTO orders (id) SELECT id FROM customers; DELETE FROM orders WHERE reason IS NULL',
    'GRANT SELECT ON orders TO app; GRANT app TO admin; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app',
    'DO $$ BEGIN PERFORM 1; CREATE TABLE t (a int); UPDATE orders SET reason = 1; END $$',
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT 'DROP TABLE orders' LOOP END LOOP; END $$",
    '',
  ])('%s', async (sql) => {
    expect(await whys(sql)).toEqual([])
  })
})

it('finds every action and every statement, with its line and without comments', async () => {
  const sql = `-- Größer werden
ALTER TABLE orders ADD note text;

/* two
   lines */
ALTER TABLE orders
  DROP reason, -- nobody reads it
  ALTER status TYPE int;
DO $$
BEGIN
  DROP TABLE customers;
END $$`
  expect(await contractions('0002.sql', sql, earlier)).toEqual([
    {
      line: 6,
      statement: 'ALTER TABLE orders DROP reason, ALTER status TYPE int',
      why: 'removes the column reason of orders',
    },
    {
      line: 6,
      statement: 'ALTER TABLE orders DROP reason, ALTER status TYPE int',
      why: 'changes the type of the column status of orders',
    },
    {
      line: 11,
      statement: 'DROP TABLE customers',
      why: 'removes the table customers',
    },
  ])
})

it('a rule that was given up in an earlier migration may not come back', async () => {
  const given = [...earlier, 'ALTER TABLE orders DROP CONSTRAINT orders_status_check']
  const sql = "ALTER TABLE orders ADD CHECK (status IN ('placed', 'paid'))"
  expect(await contractions('0003.sql', sql, given)).toHaveLength(1)
})

it('what Postgres cannot read is refused with its file and line', async () => {
  await expect(contractions('0002.sql', 'SELECT 1;\nDROP TABEL orders', [])).rejects.toMatchObject({
    code: 'bad-migration',
    exitCode: 2,
    message: '0002.sql, line 2: syntax error at or near "TABEL"',
  })
})

describe('a statement that cannot run in a transaction', () => {
  it.each([
    'CREATE INDEX CONCURRENTLY i ON orders (reason)',
    'DROP INDEX CONCURRENTLY orders_by_status',
    'REINDEX TABLE CONCURRENTLY orders',
    'REINDEX (CONCURRENTLY) TABLE orders',
    'VACUUM orders',
  ])('needs a file of its own: %s', async (statement) => {
    expect(await whys(`-- why\n${statement};`)).toEqual([])
    for (const sql of [`SELECT 1;\n${statement}`, `SET lock_timeout = 0;\n${statement};`]) {
      await expect(contractions('0002.sql', sql, earlier)).rejects.toMatchObject({
        code: 'bad-migration',
        exitCode: 2,
        message: expect.stringMatching(/^0002\.sql, line 2: .* cannot run in a transaction\.$/),
        hint: expect.stringContaining('a file of its own'),
      })
    }
    expect(await whys(`DO $$ BEGIN ${statement}; END $$`)).toEqual([
      expect.stringContaining('cannot run in a transaction'),
    ])
  })

  it('needs a name to be found again when it creates an index', async () => {
    await expect(
      contractions('0002.sql', 'CREATE INDEX CONCURRENTLY ON orders (reason)', earlier),
    ).rejects.toMatchObject({ code: 'bad-migration', hint: expect.stringContaining('name') })
  })
})

const services = join(import.meta.dirname, '..', '..', '..', '..', 'services')
const folders = readdirSync(services, { recursive: true, encoding: 'utf8' }).filter((folder) =>
  /^[^/]+\/migrations$/.test(folder),
)

it.each(folders)('%s only add', async (folder) => {
  const names = readdirSync(join(services, folder)).filter((name) => name.endsWith('.sql'))
  const files = names.sort().map((name) => readFileSync(join(services, folder, name), 'utf8'))
  expect(files.length).toBeGreaterThan(0)
  for (const [index, sql] of files.entries()) {
    expect(await contractions(names[index] ?? '', sql, files.slice(0, index))).toEqual([])
  }
})
