package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"reflect"
	"sync"

	"github.com/unstale/unstale/internal/shape"
	modernc "modernc.org/sqlite"
)

// tested proves once per process that what native takes from below the driver
// means what it should, on a database of its own in memory. It is a variable
// because the driver is the same for the whole process.
var tested = sync.OnceValue(selftest)

func selftest() (err error) {
	c, err := (&Connector{driver: new(modernc.Driver), dsn: ":memory:"}).open()
	if err != nil {
		return fail("self-test", err)
	}
	defer func() { _ = c.Close() }()
	n, err := nativeOf(c)
	if err != nil {
		return err
	}
	var seen []string
	note := func(what string) { seen = append(seen, what) }
	c.RegisterPreUpdateHook(func(d modernc.SQLitePreUpdateData) {
		old, now, differs := n.row(&shape.Room{Keep: testTable.Every()}, testTable, d.Op)
		for _, image := range [][]shape.Value{old, now} {
			if reflect.DeepEqual(image, testRow) && n.columns() == len(testRow) {
				note("row")
			}
		}
		if d.Op == opUpdate {
			note(fmt.Sprintf("%b differ", differs))
		}
	})
	c.RegisterCommitHook(func() int32 {
		note(fmt.Sprint("commit ", n.autocommit(), n.writing(0), n.dirty(), n.schemaChanging(), n.writingAttached()))
		return 0
	})
	exec := func(sql string) {
		if err == nil {
			_, err = c.ExecContext(context.Background(), sql, nil)
			note(fmt.Sprint(n.autocommit(), n.reading(), n.attached(), n.temporary()))
		}
	}
	exec(`CREATE TABLE t (i INTEGER, v AS (i + 1) VIRTUAL, s TEXT, b BLOB, f REAL, n, z INTEGER)`)
	cookie := n.cookie()
	exec(`BEGIN`)
	exec(`INSERT INTO t (i, s, b, f, n, z) VALUES (7, 'a' || char(0) || 'b', x'00ff', 1.5, NULL, '12')`)
	exec(`COMMIT`)
	exec(`UPDATE t SET i = 7`)
	exec(`UPDATE t SET s = s || 'c', f = 2.5`)
	exec(`DELETE FROM t`)
	exec(`BEGIN IMMEDIATE`)
	exec(`COMMIT`)
	exec(`CREATE INDEX u ON t (i)`)
	changed := n.cookie() != cookie
	exec(`CREATE TEMP TABLE u (i)`)
	exec(`ATTACH ':memory:' AS other`)
	ask := func(arg driver.Value) {
		if err != nil {
			return
		}
		var r driver.Rows
		if r, err = c.QueryContext(context.Background(), `SELECT date(?) WHERE 1`, named([]driver.Value{arg})); err != nil {
			return
		}
		defer func() { _ = r.Close() }()
		if stmt := statementOf(r); stmt != 0 {
			note(fmt.Sprint("clock ", n.clocked(stmt)))
		}
	}
	ask("now")
	ask("2024-01-01")
	if err != nil {
		return fail("self-test", err)
	}
	if !changed || !reflect.DeepEqual(seen, testSeen) {
		return errDriver
	}
	return nil
}

var testTable = &shape.Table{Columns: []shape.Column{{Name: "i"}, {Name: "v", Generated: shape.Virtual}, {Name: "s"}, {Name: "b"}, {Name: "f"}, {Name: "n"}, {Name: "z"}}}

var testRow = []shape.Value{shape.Int(7), {}, shape.Text("a\x00b"), shape.Blob("\x00\xff"),
	shape.Float(1.5), shape.Null(), shape.Int(12)}

// testSeen is what a driver that is understood shows: after each statement
// whether no transaction is open, whether one reads, whether there is an
// attached and a temporary database; and in between what the hooks saw.
var testSeen = []string{
	"commit true true true true false", "true false false false", // CREATE
	"false false false false",       // BEGIN
	"row", "false true false false", // INSERT
	"commit true true true false false", "true false false false", // COMMIT
	"row", "row", "0 differ", "commit true true false false false", "true false false false", // UPDATE, which writes nothing
	"row", "10100 differ", "commit true true true false false", "true false false false", // UPDATE
	"commit true true true false false", "true false false false", // DELETE
	"false true false false",                                       // BEGIN IMMEDIATE
	"commit true true false false false", "true false false false", // COMMIT
	"commit true true true true false", "true false false false", // CREATE INDEX
	"commit true false false true false", "true false false true", // CREATE TEMP TABLE
	"true false true true", // ATTACH
	"clock true", "clock false",
}
