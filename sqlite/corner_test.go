package sqlite

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// What is written in the words of SQL that hardly anybody uses.
func TestRareWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, schema, query, change, want string }{
		{
			"an ordinary column is called rowid, and the rowid moves",
			"CREATE TABLE t (k INTEGER UNIQUE, rowid TEXT, a); INSERT INTO t VALUES (1, 'x', 2)",
			"SELECT _rowid_ FROM t WHERE k = 1", "UPDATE t SET _rowid_ = 6", "6",
		},
		{
			"FTS5 reads its content table under a short name",
			"CREATE TABLE c (a); CREATE VIRTUAL TABLE f USING fts5(a, con='c'); INSERT INTO c VALUES ('x'); INSERT INTO f(f) VALUES ('rebuild')",
			"SELECT a FROM f", "UPDATE c SET a = 'y'", "y",
		},
		{
			"rows are copied as they are stored",
			"CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (id INTEGER PRIMARY KEY, x); INSERT INTO a VALUES (1, 'x')",
			"SELECT x FROM b WHERE id = 1", "INSERT INTO b SELECT * FROM a", "x",
		},
		{
			"rows are copied as they are stored, without a rowid",
			"CREATE TABLE a (k TEXT PRIMARY KEY, x) WITHOUT ROWID; CREATE TABLE b (k TEXT PRIMARY KEY, x) WITHOUT ROWID; INSERT INTO a VALUES ('k', 'x')",
			"SELECT x FROM b WHERE k = 'k'", "INSERT INTO b SELECT * FROM a", "x",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, test.schema)
			e.warm(test.query)
			e.exec(test.change)
			e.miss(test.want, test.query)
		})
	}
}

// A full-text index without content and sizes keeps what is inserted in memory
// until the transaction commits: no row image tells of it.
func TestOwnWritesWithoutRowImages(t *testing.T) {
	t.Parallel()
	const query = "SELECT count(*) FROM f WHERE f MATCH 'hello'"
	e := newEnv(t, "CREATE VIRTUAL TABLE f USING fts5(a, content='', columnsize=0)")
	tx, err := e.db.BeginTx(outside(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(outside(t), "INSERT INTO f (rowid, a) VALUES (1, 'hello')"); err != nil {
		t.Fatal(err)
	}
	_, err = unstale.Load(t.Context(), e.cache, key(query, nil), func(ctx context.Context) (string, error) {
		return read(ctx, tx, query)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	e.miss("0", query)
}

// Another process is killed while it commits, again and again, and recovers what
// the one before left.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	e := newEnv(t, shop)
	for range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$")
		cmd.Env = append(os.Environ(), "UNSTALE_OTHER_PROCESS="+e.path)
		cmd.Stdin = strings.NewReader(strings.Repeat("UPDATE orders SET sum = sum + 1\n", 100_000))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 1) // of its first answer
		if _, err := io.ReadFull(out, first); err != nil {
			t.Fatal(err)
		}
		seen := ""
		for range 200 {
			// Sums only grow, and so do their texts.
			got, _ := e.load(query)
			if len(got) < len(seen) || len(got) == len(seen) && got < seen {
				t.Fatalf("%s after %s", got, seen)
			}
			var err error
			if seen, err = read(outside(t), e.db, query); err != nil {
				t.Fatal(err)
			}
		}
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		want, err := read(outside(t), e.db, query)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := e.load(query); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		e.exec("UPDATE orders SET sum = sum + 1 WHERE id = 2")
	}
}
