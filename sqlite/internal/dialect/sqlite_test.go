package dialect

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A database is a real SQLite with one connection, whose authorizer and
// pre-update hook report to the test.
type database struct {
	conn    *sql.Conn
	schema  *Schema
	access  *Access
	changed func(shape.Change) // nil: nobody listens
}

func openDatabase(tb testing.TB, ddl string) *database {
	tb.Helper()
	d := &database{}
	drv := &sqlite.Driver{}
	drv.RegisterConnectionHook(func(c sqlite.ExecQuerierContext, _ string) error {
		c.(sqlite.HookRegisterer).RegisterPreUpdateHook(d.preUpdate)
		return c.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(d.authorize)
	})
	db := sql.OpenDB(connector{drv})
	tb.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	d.conn = conn
	d.exec(tb, "PRAGMA foreign_keys = 1; "+ddl)
	d.schema = d.readSchema(tb)
	return d
}

type connector struct{ driver *sqlite.Driver }

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(":memory:") }
func (c connector) Driver() driver.Driver                        { return c.driver }

func (d *database) exec(tb testing.TB, text string) {
	tb.Helper()
	if _, err := d.conn.ExecContext(context.Background(), text); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
}

func (d *database) authorize(action sqlite.AuthorizerActionCode, arg1, arg2, db, _ string) sqlite.AuthorizerReturnCode {
	if d.access != nil {
		switch action {
		case sqlite.AuthRead:
			d.access.Reads = append(d.access.Reads, Read{db, arg1, arg2})
		case sqlite.AuthFunction:
			d.access.Functions = append(d.access.Functions, arg2)
		case sqlite.AuthSelect, sqlite.AuthRecursive:
		default:
			d.access.Others = append(d.access.Others, fmt.Sprint(action))
		}
	}
	return sqlite.AuthorizerOK
}

// analyze prepares a statement and returns its plan.
func (d *database) analyze(text string) (*shape.Plan, error) {
	a, err := d.prepare(text)
	if err != nil {
		return nil, err
	}
	return Analyze(text, d.schema, a, sqldep.PrecisionExact), nil
}

func (d *database) prepare(text string) (Access, error) {
	var a Access
	d.access = &a
	defer func() { d.access = nil }()
	err := d.conn.Raw(func(c any) error {
		_, err := c.(interface {
			ColumnInfo(string) ([]sqlite.ColumnInfo, error)
		}).ColumnInfo(text)
		return err
	})
	return a, err
}

func (d *database) preUpdate(p sqlite.SQLitePreUpdateData) {
	if d.changed == nil {
		return
	}
	t := d.schema.Tables[lower(p.TableName)]
	ch := shape.Change{Table: &t.Table}
	image := func(read func(...any) error) []shape.Value {
		dest := make([]any, p.Count())
		if err := read(dest...); err != nil {
			panic(err)
		}
		values := make([]shape.Value, len(dest))
		for i, v := range dest {
			if i >= len(t.Columns) || t.Columns[i].Generated != shape.Virtual { // the driver returns another column's value
				values[i] = valueOf(v)
			}
		}
		return values
	}
	if p.Op != sqlite3.SQLITE_INSERT {
		ch.Old = image(p.Old)
	}
	if p.Op != sqlite3.SQLITE_DELETE {
		ch.New = image(p.New)
	}
	ch.Moved = p.Op == sqlite3.SQLITE_UPDATE && p.OldRowID != p.NewRowID
	d.changed(ch)
}

// valueOf returns what a driver returns as a value.
func valueOf(v any) shape.Value {
	switch v := v.(type) {
	case nil:
		return shape.Null()
	case int64:
		return shape.Int(v)
	case float64:
		return shape.Float(v)
	case string:
		return shape.Text(v)
	case []byte:
		return shape.Blob(string(v))
	}
	return shape.Value{}
}

// rows runs a query and returns what it answers.
func (d *database) rows(query string, args ...any) ([]string, error) {
	answer, _, err := d.read(query, args...)
	return answer, err
}

// read runs a query and returns what it answers, and the same as values.
func (d *database) read(query string, args ...any) (out []string, all [][]shape.Value, err error) {
	rows, err := d.conn.QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, nil, err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, nil, err
		}
		var parts []string
		for _, v := range values {
			parts = append(parts, fmt.Sprintf("%T(%v)", v, v))
		}
		out = append(out, strings.Join(parts, " | "))
		row := make([]shape.Value, len(values))
		for i, v := range values {
			row[i] = valueOf(v)
		}
		all = append(all, row)
	}
	return out, all, rows.Err()
}

// readSchema fills a Schema from the pragmas, as an adapter does.
func (d *database) readSchema(tb testing.TB) *Schema {
	tb.Helper()
	ctx := context.Background()
	rows, err := d.conn.QueryContext(ctx, `SELECT l.name, l.type, l.wr, l.strict, coalesce(m.sql, '')
		FROM pragma_table_list l LEFT JOIN sqlite_master m ON m.name = l.name WHERE l.schema = 'main'`)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var tables []*Table
	strict := make(map[*Table]bool)
	for rows.Next() {
		t := &Table{RowID: -1, Hidden: make(map[int]bool), Defaults: make(map[int]string)}
		var typ string
		var isStrict bool
		if err := rows.Scan(&t.Name, &typ, &t.WithoutRowID, &isStrict, &t.SQL); err != nil {
			tb.Fatal(err)
		}
		t.View, t.Virtual, t.Shadow = typ == "view", typ == "virtual", typ == "shadow"
		strict[t] = isStrict
		tables = append(tables, t)
	}
	rows.Close()
	for _, t := range tables {
		d.readColumns(tb, t, strict[t])
		d.readKeys(tb, t)
		d.readForeign(tb, t, tables)
	}
	return NewSchema(tables)
}

func (d *database) readColumns(tb testing.TB, t *Table, strict bool) {
	tb.Helper()
	rows, err := d.conn.QueryContext(context.Background(), `SELECT name, type, "notnull", pk, hidden, coalesce(dflt_value, '') FROM pragma_table_xinfo(?)`, t.Name)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var key []int
	integer := false
	for rows.Next() {
		var c shape.Column
		var typ string
		var pk, hidden int
		var standard string
		if err := rows.Scan(&c.Name, &typ, &c.NotNull, &pk, &hidden, &standard); err != nil {
			tb.Fatal(err)
		}
		t.Hidden[len(t.Columns)], t.Defaults[len(t.Columns)] = hidden == 1, standard
		c.Generated = map[int]shape.Generated{2: shape.Virtual, 3: shape.Stored}[hidden]
		collation := ""
		if strings.Contains(t.SQL, c.Name+" "+typ+" COLLATE NOCASE") {
			collation = "NOCASE"
		}
		c.Type, c.Folded = TypeOf(typ, strict, collation, false), FoldedTypeOf(typ, strict, collation, false)
		if pk > 0 {
			key = append(key, len(t.Columns))
			integer = strings.EqualFold(typ, "INTEGER")
		}
		t.Columns = append(t.Columns, c)
	}
	if len(key) == 1 && integer && !t.WithoutRowID {
		t.RowID = key[0]
	}
}

func (d *database) readKeys(tb testing.TB, t *Table) {
	tb.Helper()
	rows, err := d.conn.QueryContext(context.Background(), `SELECT l.name, x.cid, x.coll FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) x
		WHERE l."unique" AND NOT l.partial AND x.key ORDER BY l.name, x.seqno`, t.Name)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	last := ""
	for rows.Next() {
		var name, collation string
		var column int
		if err := rows.Scan(&name, &column, &collation); err != nil {
			tb.Fatal(err)
		}
		if name != last {
			t.Keys = append(t.Keys, shape.Key{})
		}
		last = name
		k := &t.Keys[len(t.Keys)-1]
		if column >= 0 && (collation != "BINARY") != (t.Columns[column].Type.(*columnType).fold != nil) {
			column = -1
		}
		k.Columns = append(k.Columns, column)
	}
}

func (d *database) readForeign(tb testing.TB, t *Table, tables []*Table) {
	tb.Helper()
	rows, err := d.conn.QueryContext(context.Background(), `SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq`, t.Name)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	last := -1
	for rows.Next() {
		var id int
		var parent, from, to string
		if err := rows.Scan(&id, &parent, &from, &to); err != nil {
			tb.Fatal(err)
		}
		if id != last {
			t.Foreign = append(t.Foreign, shape.ForeignKey{Parent: parent})
		}
		last = id
		f := &t.Foreign[len(t.Foreign)-1]
		f.Columns = append(f.Columns, t.Column(from))
		for _, p := range tables {
			if p.Name == parent {
				f.ParentColumns = append(f.ParentColumns, p.Column(to))
			}
		}
	}
}
