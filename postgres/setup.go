package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale"
)

// version is that of what Setup makes in a database. Another one is not used.
const version = 5

//go:embed setup.sql
var setupSQL string

//go:embed events.sql
var eventsSQL string

// SetupOptions say what Setup follows.
type SetupOptions struct {
	// Schemas whose tables are followed. Default: all but those of the system.
	Schemas []string
	// Exclude names tables that are not followed, as "schema.table".
	Exclude []string
	// Grant names roles as which services connect, besides the one that runs Setup.
	Grant []string
	// Print, if set, is given each transaction's SQL, and nothing is run.
	Print func(sql string)
}

// Setup makes what a cache needs in a database: a schema "unstale" with the outbox and
// its functions, and four statement triggers on each table, which write what has
// changed into the outbox, in the writer's own transaction. It takes the owner of the
// tables and the right to make a schema; no superuser, no restart, no setting. Whoever
// may make event triggers gets two, by which changes of the schema are told exactly.
//
// It may be run again, and has to be after tables were made or changed: it does what is
// left to do. Each table has a transaction of its own, which waits for a second at most for
// its lock, and is tried five times. Tables that could not be had are in the error; what
// is read from them is not stored.
func Setup(ctx context.Context, dsn string, o SetupOptions) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("unstale/postgres: setup: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var grants strings.Builder
	for _, role := range o.Grant {
		fmt.Fprintf(&grants, "GRANT USAGE ON SCHEMA unstale TO %[1]s;\nGRANT SELECT ON unstale.version, unstale.followed TO %[1]s;\n"+
			"GRANT EXECUTE ON FUNCTION unstale.look, unstale.identity, unstale.begin, unstale.sweep, unstale.invalidate TO %[1]s;\n", pgx.Identifier{role}.Sanitize())
	}
	base := strings.NewReplacer("$IDENTITY", identitySQL, "$VERSION", fmt.Sprint(version), "$BYTES", fmt.Sprint(unstale.MaxTargetsBytes), "$TARGETS", fmt.Sprint(unstale.MaxTargets)).
		Replace(setupSQL) + grants.String()
	for _, sql := range []string{base, eventsSQL} {
		if err := o.run(ctx, conn, sql); err != nil {
			return fmt.Errorf("unstale/postgres: setup: %w", err)
		}
	}
	tables, err := setupTables(ctx, conn, &o)
	if err != nil {
		return fmt.Errorf("unstale/postgres: setup: %w", err)
	}
	var left []error
	for _, t := range tables {
		if t.done {
			continue
		}
		if err := o.run(ctx, conn, t.sql()); err != nil {
			left = append(left, fmt.Errorf("unstale/postgres: setup of %s: %w", t.name(), err))
		}
	}
	return errors.Join(left...)
}

// identitySQL is what tells the database from every other, from what its row g of
// unstale.generation tells, NULL if there is none. The file of the outbox is of a database,
// and another one after TRUNCATE; the timeline cannot be had on a standby.
const identitySQL = `CASE WHEN g.random IS NOT NULL THEN pg_catalog.concat_ws(' ', g.random,
			(SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s),
			pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8),
			extract(epoch FROM pg_catalog.pg_postmaster_start_time()),
			pg_catalog.pg_relation_filepath('unstale.outbox'::pg_catalog.regclass)) END`

// Attempts to lock a table.
const (
	setupAttempts = 5
	setupPause    = 200 * time.Millisecond
)

// run runs SQL in a transaction, again where a lock could not be had.
func (o *SetupOptions) run(ctx context.Context, conn *pgx.Conn, sql string) (err error) {
	sql = "BEGIN;\nSET LOCAL lock_timeout = '1s';\nSET LOCAL client_min_messages = warning;\n" + sql + "COMMIT;\n"
	if o.Print != nil {
		o.Print(sql)
		return nil
	}
	for range setupAttempts {
		if _, err = conn.PgConn().Exec(ctx, sql).ReadAll(); err == nil {
			return nil
		}
		_, _ = conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
		if pg := new(pgconn.PgError); !errors.As(err, &pg) || pg.Code != "55P03" && pg.Code != "40P01" { // lock_not_available, deadlock_detected
			return err
		}
		time.Sleep(setupPause)
	}
	return err
}

// A setupTable is a table that may be followed.
type setupTable struct {
	oid           uint32
	schema, table string
	done          bool // nothing is left to do
	columns       []setupColumn
	key           []string // names of the primary key's columns, if its types are the system's and it has no children, whose rows may have the same key
}

type setupColumn struct {
	number  int16
	name    string
	typ     uint32 // of a domain, what that is made of
	base    string // its name
	enum    bool
	varlena bool
	exact   bool // its collation is deterministic
	citext  bool
}

func (t *setupTable) name() string { return t.schema + "." + t.table }

// setupTables returns the tables that the options name, by name. Temporary ones are not
// followed.
func setupTables(ctx context.Context, conn *pgx.Conn, o *SetupOptions) ([]*setupTable, error) {
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('unstale.followed') IS NOT NULL`).Scan(&exists); err != nil {
		return nil, err
	}
	done := "false"
	if exists {
		done = fmt.Sprintf(`EXISTS (SELECT FROM unstale.followed f WHERE f.relation = c.oid AND f.layout = %s AND f.version = %d)
			AND (SELECT count(*) FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
				WHERE g.tgrelid = c.oid AND g.tgenabled = 'A' AND p.pronamespace = 'unstale'::regnamespace) = 4`, layoutSQL, version)
	}
	rows, _ := conn.Query(ctx, `
		SELECT c.oid, n.nspname, c.relname, `+done+`
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.relpersistence IN ('p', 'u')
			AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'unstale') AND n.nspname NOT LIKE 'pg\_%'
			AND c.oid >= 16384
		ORDER BY n.nspname, c.relname`)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*setupTable, error) {
		t := new(setupTable)
		return t, row.Scan(&t.oid, &t.schema, &t.table, &t.done)
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t *setupTable) bool {
		return len(o.Schemas) > 0 && !slices.Contains(o.Schemas, t.schema) || slices.Contains(o.Exclude, t.name())
	})
	for _, t := range all {
		rows, _ := conn.Query(ctx, `
			SELECT a.attnum, a.attname, y.oid, quote_ident(n.nspname) || '.' || quote_ident(y.typname), y.typtype = 'e', y.typlen = -1, coalesce(l.collisdeterministic, true), `+citextSQL+`
			FROM pg_attribute a JOIN pg_type y ON y.oid = (`+baseSQL+`) JOIN pg_namespace n ON n.oid = y.typnamespace LEFT JOIN pg_collation l ON l.oid = a.attcollation
			WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, t.oid)
		if t.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c setupColumn, err error) {
			return c, row.Scan(&c.number, &c.name, &c.typ, &c.base, &c.enum, &c.varlena, &c.exact, &c.citext)
		}); err != nil {
			return nil, err
		}
		rows, _ = conn.Query(ctx, `
			SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (number, place)
			JOIN pg_attribute a ON a.attnum = k.number JOIN pg_type y ON y.oid = a.atttypid
			WHERE i.indrelid = $1 AND i.indisprimary AND a.attrelid = $1
				AND NOT EXISTS (SELECT FROM pg_class h WHERE h.oid = $1 AND h.relkind = 'r' AND h.relhassubclass)
				AND NOT EXISTS (SELECT FROM pg_attribute b JOIN pg_type z ON z.oid = b.atttypid
					WHERE b.attrelid = $1 AND b.attnum = ANY (i.indkey) AND (z.typnamespace <> 'pg_catalog'::regnamespace OR z.typtype <> 'b'))
			ORDER BY k.place`, t.oid)
		if t.key, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// baseSQL is the type of the column a of pg_attribute, of a domain what that is made of.
const baseSQL = `WITH RECURSIVE base AS (
		SELECT d.oid, d.typbasetype FROM pg_type d WHERE d.oid = a.atttypid
		UNION ALL SELECT d.oid, d.typbasetype FROM pg_type d JOIN base ON d.oid = base.typbasetype)
	SELECT base.oid FROM base WHERE base.typbasetype = 0`

// layoutSQL is what a table, the row c of pg_class, is like: by names triggers tell of
// columns, and by its primary key which row became which. Columns are renamed and
// dropped, and keys dropped, without a change of the row in pg_class.
const layoutSQL = `pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', c.xmin,
		(SELECT pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat(a.attname, ' ', a.atttypid), a.attnum)) FROM pg_catalog.pg_attribute AS a
			WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped),
		(SELECT k.conkey FROM pg_catalog.pg_constraint AS k WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid AND k.contype OPERATOR(pg_catalog.=) 'p')), 0)`

// What the outbox keeps of a change.
const (
	maxRows  = 1000     // of a statement; beyond it the table alone
	maxText  = 256      // bytes of a text; a longer one is "perhaps any"
	maxDiffs = 64 << 10 // bytes of a value that is read to find whether it changed
)

// sql returns what follows the table.
func (t *setupTable) sql() string {
	quote := func(parts ...string) string { return pgx.Identifier(parts).Sanitize() }
	table := quote(t.schema, t.table)
	var images []setupColumn
	for _, c := range t.columns {
		if imageOf(c, "x") != "" {
			images = append(images, c)
		}
	}
	image := func(alias string) string {
		var list []string
		for _, c := range images {
			list = append(list, imageOf(c, alias+"."+quote(c.name)))
		}
		return "ARRAY[" + strings.Join(list, ", ") + "]::pg_catalog.text[]"
	}
	var differs, numbers []string
	for _, c := range t.columns {
		old, now := "o."+quote(c.name), "n."+quote(c.name)
		differ := fmt.Sprintf("NOT pg_catalog.record_image_eq(ROW(%s), ROW(%s))", old, now)
		if c.varlena {
			// Beyond that a value is not read: it may be gigabytes, beside a counter that changes.
			differ = fmt.Sprintf("CASE WHEN pg_catalog.pg_column_size(%s) > %d OR pg_catalog.pg_column_size(%s) > %d THEN true ELSE %s END", old, maxDiffs, now, maxDiffs, differ)
		}
		differs = append(differs, fmt.Sprintf("CASE WHEN %s THEN %d::pg_catalog.int2 END", differ, c.number))
	}
	for _, c := range images {
		numbers = append(numbers, fmt.Sprint(c.number))
	}
	var b strings.Builder
	// A function's body is one statement for each kind of change. Bound is for the
	// number of rows.
	function := func(kind, from, selects string) string {
		name := quote("unstale", fmt.Sprintf("%s_%d", kind, t.oid))
		body := fmt.Sprintf(`
#variable_conflict use_variable
DECLARE n_rows pg_catalog.int8; table_layout pg_catalog.int8;
BEGIN
	SELECT pg_catalog.count(*) INTO n_rows FROM (SELECT FROM %s LIMIT %d) AS few;
	IF n_rows = 0 THEN RETURN NULL; END IF;
	IF pg_catalog.current_setting('session_replication_role') OPERATOR(pg_catalog.=) 'replica' THEN
		INSERT INTO unstale.outbox (relation, operation) VALUES (TG_RELID, 'r');
	END IF;
	-- Of another table than it was at setup this function does not know all columns.
	SELECT f.layout INTO table_layout FROM pg_catalog.pg_class AS c, unstale.followed AS f
		WHERE c.oid OPERATOR(pg_catalog.=) TG_RELID AND f.relation OPERATOR(pg_catalog.=) TG_RELID AND f.layout OPERATOR(pg_catalog.=) %s;
	IF n_rows > %d OR table_layout IS NULL THEN
		INSERT INTO unstale.outbox (relation, operation) VALUES (TG_RELID, 't');
		RETURN NULL;
	END IF;
	%s
	RETURN NULL;
END `, from, maxRows+1, layoutSQL, maxRows, selects)
		tag := "$unstale$"
		for i := 0; strings.Contains(body, tag); i++ { // a column may be called so
			tag = fmt.Sprintf("$unstale_%d$", i)
		}
		fmt.Fprintf(&b, "CREATE OR REPLACE FUNCTION %[1]s() RETURNS pg_catalog.trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %[2]s%[3]s%[2]s;\n"+
			"REVOKE ALL ON FUNCTION %[1]s() FROM PUBLIC;\n", name, tag, body)
		return name
	}
	const insert = "INSERT INTO unstale.outbox (relation, layout, operation, old, new, differs) "
	inserted := function("i", "unstale_new", fmt.Sprintf("%sSELECT TG_RELID, table_layout, 'i', NULL, %s, NULL FROM unstale_new AS n;", insert, image("n")))
	deleted := function("d", "unstale_old", fmt.Sprintf("%sSELECT TG_RELID, table_layout, 'd', %s, NULL, NULL FROM unstale_old AS o;", insert, image("o")))
	update := fmt.Sprintf("%sSELECT TG_RELID, table_layout, 'd', %s, NULL, NULL FROM unstale_old AS o;\n\t%[1]sSELECT TG_RELID, table_layout, 'i', NULL, %[3]s, NULL FROM unstale_new AS n;",
		insert, image("o"), image("n"))
	if len(t.key) > 0 {
		var on []string
		for _, k := range t.key {
			on = append(on, fmt.Sprintf("o.%[1]s OPERATOR(pg_catalog.=) n.%[1]s", quote(k)))
		}
		first := quote(t.key[0])
		update = fmt.Sprintf(`%sSELECT TG_RELID, table_layout, 'u', q.old, q.new, q.differs FROM (
		SELECT CASE WHEN o.%[2]s IS NOT NULL THEN %[3]s END AS old, CASE WHEN n.%[2]s IS NOT NULL THEN %[4]s END AS new,
			CASE WHEN o.%[2]s IS NOT NULL AND n.%[2]s IS NOT NULL THEN pg_catalog.array_remove(ARRAY[%[5]s], NULL::pg_catalog.int2) END AS differs
		FROM unstale_old AS o FULL JOIN unstale_new AS n ON %[6]s
	) AS q WHERE q.differs IS NULL OR pg_catalog.cardinality(q.differs) OPERATOR(pg_catalog.>) 0;`,
			insert, first, image("o"), image("n"), strings.Join(differs, ", "), strings.Join(on, " AND "))
	}
	updated := function("u", "unstale_new", update)
	for _, g := range []struct{ name, event, referencing, function string }{
		{"unstale_insert", "INSERT", "REFERENCING NEW TABLE AS unstale_new", inserted},
		{"unstale_update", "UPDATE", "REFERENCING OLD TABLE AS unstale_old NEW TABLE AS unstale_new", updated},
		{"unstale_delete", "DELETE", "REFERENCING OLD TABLE AS unstale_old", deleted},
		{"unstale_truncate", "TRUNCATE", "", "unstale.truncated"},
	} {
		fmt.Fprintf(&b, "DROP TRIGGER IF EXISTS %[1]s ON %[2]s;\nCREATE TRIGGER %[1]s AFTER %[3]s ON %[2]s %[4]s FOR EACH STATEMENT EXECUTE FUNCTION %[5]s();\nALTER TABLE ONLY %[2]s ENABLE ALWAYS TRIGGER %[1]s;\n",
			g.name, table, g.event, g.referencing, g.function)
	}
	fmt.Fprintf(&b, "INSERT INTO unstale.followed (relation, layout, columns, version) SELECT c.oid, %s, '{%s}', %d FROM pg_catalog.pg_class AS c WHERE c.oid = %d\n"+
		"\tON CONFLICT (relation) DO UPDATE SET layout = excluded.layout, columns = excluded.columns, version = excluded.version;\n", layoutSQL, strings.Join(numbers, ","), version, t.oid)
	return b.String()
}

// imageOf returns the expression for a value as the outbox holds it, or "" if it does
// not: "v" and the value in a form that depends on no setting, "x" for one of which
// nothing is known, NULL for NULL.
func imageOf(c setupColumn, value string) string {
	short := func(text string) string {
		return fmt.Sprintf("CASE WHEN pg_catalog.pg_column_size(%[1]s) > 4 * %[2]d OR pg_catalog.octet_length(%[3]s) > %[2]d THEN 'x' ELSE 'v' || %[3]s END", value, maxText, text)
	}
	base := value + "::" + c.base
	switch f := familyOf(c.typ); {
	case c.enum:
		return "'v' || " + value + "::pg_catalog.text"
	case c.citext:
		return short(value + "::pg_catalog.text")
	case f == familyNone || f.collated() && !c.exact:
		return ""
	case f == familyInt || f == familyUUID || f == familyBool:
		return "'v' || " + base + "::pg_catalog.text"
	case f == familyInet:
		return "'v' || pg_catalog.text(" + base + ")" // with all bits
	case f == familyFloat:
		return "'v' || pg_catalog.encode(pg_catalog.float8send(" + base + "::pg_catalog.float8), 'hex')"
	case f == familyBytea:
		return short("pg_catalog.encode(" + base + ", 'hex')")
	case f == familyText || f == familyBpchar || f == familyNumeric:
		return short(base + "::pg_catalog.text")
	case f == familyDate:
		return fmt.Sprintf("CASE WHEN pg_catalog.isfinite(%[1]s) THEN 'v' || (%[1]s OPERATOR(pg_catalog.-) '2000-01-01'::pg_catalog.date)::pg_catalog.text WHEN %[1]s IS NOT NULL THEN 'v' || %[1]s::pg_catalog.text END", base)
	}
	return fmt.Sprintf("CASE WHEN pg_catalog.isfinite(%[1]s) THEN 'v' || (extract(epoch FROM %[1]s) * 1000000)::pg_catalog.int8::pg_catalog.text WHEN %[1]s IS NOT NULL THEN 'v' || %[1]s::pg_catalog.text END", base)
}

// Remove takes out of a database what Setup has made.
func Remove(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("unstale/postgres: remove: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, _ := conn.Query(ctx, `SELECT g.tgname, g.tgrelid::regclass::text FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
		JOIN pg_class c ON c.oid = g.tgrelid WHERE p.pronamespace = to_regnamespace('unstale') AND c.relnamespace <> to_regnamespace('unstale') ORDER BY 2, 1`)
	triggers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g [2]string, err error) { return g, row.Scan(&g[0], &g[1]) })
	if err != nil {
		return fmt.Errorf("unstale/postgres: remove: %w", err)
	}
	byTable := make(map[string]string)
	for _, g := range triggers {
		byTable[g[1]] += fmt.Sprintf("DROP TRIGGER %s ON %s;\n", pgx.Identifier{g[0]}.Sanitize(), g[1])
	}
	var o SetupOptions
	var left []error
	for table, sql := range byTable {
		if err := o.run(ctx, conn, sql); err != nil {
			left = append(left, fmt.Errorf("unstale/postgres: remove from %s: %w", table, err))
		}
	}
	if len(left) == 0 {
		left = append(left, o.run(ctx, conn, "DROP SCHEMA IF EXISTS unstale CASCADE;\n"))
	}
	return errors.Join(left...)
}
