package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/shape"
	modernc "modernc.org/sqlite"
)

const people = `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE, age INTEGER, note TEXT);
	INSERT INTO people VALUES (1, 'ada', 36, 'x'), (2, 'bob', 40, 'y'), (3, 'eve', 50, 'z')`

func TestSelftest(t *testing.T) {
	t.Parallel()
	if err := selftest(); err != nil {
		t.Fatal(err)
	}
}

func TestReadsAreCachedUntilTheyChange(t *testing.T) {
	t.Parallel()
	e := newEnv(t, people)
	const name = "SELECT name FROM people WHERE id = ?"
	e.warm(name, 1)
	e.warm(name, 2)
	e.warm("SELECT count(*) FROM people")

	e.exec("UPDATE people SET name = 'ann' WHERE id = 1")
	e.miss("ann", name, 1)
	e.hit(name, 2)
	e.hit("SELECT count(*) FROM people")

	e.exec("DELETE FROM people WHERE id = 2")
	e.miss("", name, 2)
	e.hit(name, 1)
	e.miss("2", "SELECT count(*) FROM people")
	if n := e.lost(causeForeign); n != 0 {
		t.Errorf("%d own commits were taken for foreign ones", n)
	}
}

// offCaches are caches that do nothing.
func offCaches(t *testing.T) map[string]*unstale.Cache {
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*unstale.Cache{"nil": nil, "off": off}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	caches := offCaches(t)
	caches["on"] = newCache(t)
	for name, c := range caches {
		for _, test := range []struct{ query, want string }{
			{"", "wal 1 5000 1"},
			{"?_pragma=foreign_keys(0)&_pragma=synchronous(full)&_pragma=busy_timeout(7)", "wal 0 7 2"},
			{"?_fk=0&_sync=FULL&_busy_timeout=7", "wal 0 7 2"},
			{"?_txlock=immediate", "wal 1 5000 1"},
		} {
			path := filepath.Join(t.TempDir(), "test.db")
			for _, dsn := range []string{path + test.query, "file:" + path + test.query} {
				db, err := Open(dsn, c)
				if err != nil {
					t.Fatalf("%s: %v", dsn, err)
				}
				var got []string
				for _, p := range []string{"journal_mode", "foreign_keys", "busy_timeout", "synchronous"} {
					s, err := read(outside(t), db, "PRAGMA "+p)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, s)
				}
				if strings.Join(got, " ") != test.want {
					t.Errorf("%s %s: %s, want %s", name, dsn, got, test.want)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	dir := t.TempDir()
	old := filepath.Join(dir, "old.db")
	db := plain(t, old)
	if _, err := db.Exec("CREATE TABLE x (a)"); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ dsn, want string }{
		"another journal mode":    {filepath.Join(dir, "a.db") + "?_pragma=journal_mode(delete)", "WAL"},
		"another by its own key":  {filepath.Join(dir, "b.db") + "?_journal_mode=TRUNCATE", "WAL"},
		"read-only, never in WAL": {"file:" + old + "?mode=ro", "readonly"},
		"immutable":               {"file:" + old + "?immutable=1", ""},
		"shared-cache mode":       {"file:" + old + "2?cache=shared&_pragma=read_uncommitted(1)", "shared-cache"},
		"no directory":            {filepath.Join(dir, "none", "x.db"), "unable to open"},
		"not a database":          {garbage, "not a database"},
		"bad escape":              {"x.db?%zz", "data source name"},
		"no name":                 {"?_pragma=x", "data source name"},
	} {
		db, err := Open(test.dsn, c)
		if err == nil {
			_ = db.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "unstale/sqlite") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := c.Stats().Invalidations["database closed"]; n != 0 {
		t.Errorf("%d databases were registered", n)
	}
}

func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	e := newEnv(t, people)
	r := openEnv(t, newCache(t), "file:"+e.path+"?mode=ro", Config{})
	r.warm("SELECT name FROM people WHERE id = 1")
	e.exec("UPDATE people SET name = 'ann' WHERE id = 1")
	r.miss("ann", "SELECT name FROM people WHERE id = 1")
}

func TestSwitchedOffThereIsNoWrapper(t *testing.T) {
	t.Parallel()
	for name, c := range offCaches(t) {
		db, err := Open(filepath.Join(t.TempDir(), "test.db"), c)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Raw(func(dc any) error {
			if _, ok := dc.(modernc.HookRegisterer); !ok {
				t.Errorf("%s: %T is not the driver's connection", name, dc)
			}
			return nil
		})
		_ = conn.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	d := new(modernc.Driver)
	d.MustRegisterDeterministicScalarFunction("twice", 1, func(_ *modernc.FunctionContext, args []driver.Value) (driver.Value, error) {
		return args[0].(int64) * 2, nil
	})
	d.MustRegisterDeterministicScalarFunction("clock", 0, func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) {
		return int64(1), nil
	})
	d.MustRegisterCollationUtf8("backwards", strings.Compare)
	connected := 0
	config := Config{
		Driver:                 d,
		DeterministicFunctions: []string{"Twice"},
		OnConnect: func(c modernc.ExecQuerierContext, _ string) error {
			connected++
			_, err := c.ExecContext(context.Background(), `PRAGMA cache_size = 77; CREATE TABLE IF NOT EXISTS made (id INTEGER PRIMARY KEY);
				INSERT INTO made DEFAULT VALUES`, nil)
			return err
		},
	}
	e := openEnv(t, newCache(t), filepath.Join(t.TempDir(), "test.db"), config, people, "CREATE TABLE c (s TEXT COLLATE backwards PRIMARY KEY, n); INSERT INTO c VALUES ('a', 1)")
	e.warm("SELECT twice(age) FROM people WHERE id = 1")
	e.uncached("SELECT clock()")
	e.warm("SELECT n FROM c WHERE s = ?", "a")
	e.exec("UPDATE c SET n = 2")
	e.miss("2", "SELECT n FROM c WHERE s = ?", "a")

	// What OnConnect writes is captured like any other write.
	e.warm("SELECT count(*) FROM made")
	before := connected
	held := e.conn()
	other := e.conn()
	if connected == before {
		t.Fatal("no new connection")
	}
	_, _ = held, other
	if _, ran := e.load("SELECT count(*) FROM made"); !ran {
		t.Error("OnConnect wrote, and nothing was invalidated")
	}
	if n := e.lost(causeForeign); n != 0 {
		t.Errorf("%d own commits were taken for foreign ones", n)
	}
}

func TestOnConnectFails(t *testing.T) {
	t.Parallel()
	fails := false
	config := Config{OnConnect: func(modernc.ExecQuerierContext, string) error {
		if fails {
			return os.ErrPermission
		}
		return nil
	}}
	e := openEnv(t, newCache(t), filepath.Join(t.TempDir(), "test.db"), config)
	fails = true
	if err := e.db.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "OnConnect") {
		t.Errorf("%v", err)
	}
	if _, err := NewConnector(e.path, e.cache, config); err == nil {
		t.Error("no error")
	}
	fails = false
	e.exec("CREATE TABLE x (a)")
}

// A statement is analysed once for each schema, not at each run.
func TestPlansAreRemembered(t *testing.T) {
	t.Parallel()
	e := newEnv(t, people)
	analyse, runs := e.inner.Analyse, 0
	e.inner.Analyse = func(sql string) (*shape.Plan, bool) {
		runs++
		return analyse(sql)
	}
	for i := range 3 {
		e.load("SELECT name FROM people WHERE id = ?", i)
	}
	if runs != 1 {
		t.Errorf("analysed %d times", runs)
	}
	e.exec("CREATE TABLE another (id INTEGER)")
	for i := range 3 {
		e.load("SELECT name FROM people WHERE id = ?", i)
	}
	if runs != 2 {
		t.Errorf("analysed %d times in two schemas", runs)
	}
}

func TestAnalysisThatFailsRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t, people)
	a := e.inner.analysis
	held := a.conn
	a.conn = nil
	t.Cleanup(func() { a.conn = held })
	e.uncached("SELECT name FROM people WHERE id = 1")
	if f := e.cache.Stats().Coarse; len(f) == 0 || f[0].Reason != reasonAnalysis {
		t.Errorf("coarse: %v", f)
	}
	e.exec("UPDATE people SET name = 'x' WHERE id = 1") // writes go on, and invalidate everything
	if s, err := read(outside(t), e.db, "SELECT name FROM people WHERE id = 1"); err != nil || s != "x" {
		t.Errorf("%s, %v", s, err)
	}
}

// Several may start at once on a file that is not there yet.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	dir := t.TempDir()
	for i := range 50 {
		path := filepath.Join(dir, fmt.Sprint(i, ".db"))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				db, err := Open(path, c)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// Whoever keeps the file locked is not waited for without end.
func TestOpenLockedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	other, err := sql.Open("sqlite", path+"?_pragma=locking_mode(exclusive)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := other.ExecContext(t.Context(), "CREATE TABLE t (i)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path+"?_pragma=busy_timeout(50)", newCache(t)); !busy(err) {
		t.Errorf("%v, want a busy database", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, newCache(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
}
