package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
)

// plain opens the file with the driver alone, as any other program would.
func plain(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A writer executes statements on a database that is not the cache's.
type writer func(t testing.TB, query string)

// otherProcess starts this test binary again; it executes what it is told.
func otherProcess(t testing.TB, path string) writer {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$")
	cmd.Env = append(os.Environ(), "UNSTALE_OTHER_PROCESS="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	answers := bufio.NewScanner(out)
	return func(t testing.TB, query string) {
		t.Helper()
		if _, err := fmt.Fprintln(in, strings.ReplaceAll(query, "\n", " ")); err != nil {
			t.Fatal(err)
		}
		if !answers.Scan() || answers.Text() != "ok" {
			t.Fatalf("%s: the other process answers %q, %v", query, answers.Text(), answers.Err())
		}
	}
}

// TestOtherProcess is the other process.
func TestOtherProcess(t *testing.T) {
	path := os.Getenv("UNSTALE_OTHER_PROCESS")
	if path == "" {
		return
	}
	db := plain(t, path)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "tear the header" {
			fmt.Println(tear(path))
			continue
		}
		if _, err := db.ExecContext(context.Background(), in.Text()); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("ok")
	}
}

// tear leaves the wal-index header as a process does that dies while it writes
// it: its two copies differ. Closing the file drops this process's locks, of
// which it has none.
func tear(path string) string {
	f, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt([]byte{0xff, 0xff}, 48+16); err != nil {
		return err.Error()
	}
	return "ok"
}

// writers are those whose commits the cache can only notice.
func writers(t testing.TB, path string) map[string]writer {
	db := plain(t, path)
	return map[string]writer{
		"plain driver": func(t testing.TB, query string) {
			t.Helper()
			if _, err := db.ExecContext(context.Background(), query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		},
		"other process": otherProcess(t, path),
	}
}

func TestForeignWritesAreNoticed(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	e := newEnv(t, shop)
	for name, write := range writers(t, e.path) {
		for i, between := range []string{
			"", "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(TRUNCATE)",
		} {
			for _, by := range []string{"us", "them"} {
				e.warm(query)
				lost := e.lost(causeForeign)
				switch {
				case between == "":
				case by == "us":
					e.exec(between)
				default:
					write(t, between)
				}
				e.hit(query) // a checkpoint changes nothing
				if n := e.lost(causeForeign); n != lost {
					t.Errorf("%s, %s by %s: taken for a write", name, between, by)
				}
				want := fmt.Sprint(i, len(by))
				write(t, "UPDATE orders SET sum = '"+want+"' WHERE id = 1")
				e.miss(strings.ReplaceAll(want, " ", " "), query)
				e.warm(query)
				// Our own next commit is not mistaken for theirs, nor theirs for ours.
				lost = e.lost(causeForeign)
				e.exec("UPDATE orders SET sum = sum WHERE id = 2")
				e.exec("UPDATE orders SET sum = sum + 1 WHERE id = 2")
				e.hit(query)
				if n := e.lost(causeForeign); n != lost {
					t.Errorf("%s: an own commit was taken for a foreign one", name)
				}
				write(t, "UPDATE orders SET sum = 0 WHERE id = 1")
				e.exec("UPDATE orders SET sum = sum + 1 WHERE id = 2")
				e.miss("0", query)
			}
		}
	}
}

func TestForeignSchemaChange(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop, "CREATE VIEW shown AS SELECT body FROM notes")
	db := plain(t, e.path)
	e.warm("SELECT * FROM notes WHERE id = 1")
	e.warm("SELECT max(body) FROM shown")
	for _, change := range []string{
		"ALTER TABLE notes ADD COLUMN colour TEXT DEFAULT 'red'",
		"DROP VIEW shown",
		"CREATE VIEW shown AS SELECT name AS body FROM users WHERE id = 1",
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	e.miss("1|1|hi|red", "SELECT * FROM notes WHERE id = 1")
	e.miss("ada", "SELECT max(body) FROM shown")
	e.warm("SELECT name FROM users WHERE id = 1")
	e.warm("SELECT max(body) FROM shown")
	e.exec("UPDATE users SET name = 'ann' WHERE id = 1")
	e.miss("ann", "SELECT max(body) FROM shown")
	e.warm("SELECT colour FROM notes WHERE id = 1")
	// Ours is the first to write after they changed the schema once more: the
	// images must not be told in the old one.
	if _, err := db.Exec("ALTER TABLE notes DROP COLUMN body"); err != nil {
		t.Fatal(err)
	}
	e.exec("UPDATE notes SET colour = 'blue' WHERE id = 1")
	e.miss("blue", "SELECT colour FROM notes WHERE id = 1")
	e.warm("SELECT colour FROM notes WHERE id = 1")
	e.exec("UPDATE notes SET colour = 'green' WHERE id = 1")
	e.miss("green", "SELECT colour FROM notes WHERE id = 1")
}

// Whoever was told that a foreign commit happened never gets an answer from
// before it, whatever we commit meanwhile; and no commit of ours is ever taken
// for a foreign one.
func TestForeignWritesAmongOurs(t *testing.T) {
	t.Parallel()
	const rounds = 50
	e := newEnv(t, shop)
	e.db.SetMaxOpenConns(4)
	write := otherProcess(t, e.path)
	stop := make(chan struct{})
	var ours sync.WaitGroup
	for id := range 2 {
		ours.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := e.db.ExecContext(outside(t), "UPDATE orders SET sum = ? WHERE id = ?", i, id+1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range rounds {
		write(t, fmt.Sprintf("UPDATE orders SET sum = %d WHERE id = 3", i))
		if got, _ := e.load("SELECT sum FROM orders WHERE id = 3"); got != fmt.Sprint(i) {
			t.Fatalf("%s after %d was acknowledged", got, i)
		}
	}
	close(stop)
	ours.Wait()
	if n := e.lost(causeForeign); n != rounds {
		t.Errorf("%d foreign commits counted, want %d", n, rounds)
	}
}

func TestOwnCommitsAreNotForeign(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	var all sync.WaitGroup
	for id := range 4 {
		all.Go(func() {
			for i := range 50 {
				var err error
				switch i % 5 {
				case 0:
					_, err = e.db.ExecContext(outside(t), "UPDATE orders SET sum = ? WHERE id = ?", i, id)
				case 1:
					_, err = e.db.ExecContext(outside(t), "INSERT INTO log (what) VALUES (?); DELETE FROM log WHERE what = ?", id, id)
				case 2:
					var tx *sql.Tx
					if tx, err = e.db.BeginTx(outside(t), nil); err == nil {
						_, err = tx.ExecContext(outside(t), "INSERT INTO log (what) VALUES ('x')")
						_ = tx.Rollback()
					}
				case 3:
					_, err = read(outside(t), e.db, "UPDATE users SET visits = visits + 1 WHERE id = ? RETURNING id", id)
				case 4:
					e.load("SELECT count(*) FROM log")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	_ = e.inner.CatchUp(t.Context())
	if n := e.lost(causeForeign); n != 0 {
		t.Errorf("%d own commits were taken for foreign ones", n)
	}
}

// A file that is opened on two caches is written by two that do not know of each
// other: each takes the other's commits for foreign ones.
func TestFileOpenedTwice(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	path := filepath.Join(t.TempDir(), "test.db")
	shared := newCache(t)
	first := openEnv(t, shared, path, Config{}, shop)
	for name, c := range map[string]*unstale.Cache{"same cache": shared, "another cache": newCache(t)} {
		second := openEnv(t, c, path, Config{})
		for i := range 5 {
			first.warm(query)
			second.warm(query)
			second.exec("UPDATE orders SET sum = ? WHERE id = 1", i)
			got, _ := first.load(query)
			if got != fmt.Sprint(i) {
				t.Errorf("%s: first reads %s, second wrote %d", name, got, i)
			}
			first.exec("UPDATE orders SET sum = ? WHERE id = 1", -i)
			if got, _ := second.load(query); got != fmt.Sprint(-i) {
				t.Errorf("%s: second reads %s, first wrote %d", name, got, -i)
			}
		}
	}
}

func TestTwoDatabasesOnOneCache(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	a := openEnv(t, c, filepath.Join(t.TempDir(), "a.db"), Config{}, people)
	b := openEnv(t, c, filepath.Join(t.TempDir(), "b.db"), Config{}, people)
	// Load's keys are one space for both, so the queries differ.
	a.warm("SELECT name AS a FROM people WHERE id = 1")
	b.warm("SELECT name AS b FROM people WHERE id = 1")
	a.exec("UPDATE people SET name = 'ann' WHERE id = 1")
	b.hit("SELECT name AS b FROM people WHERE id = 1")
	a.miss("ann", "SELECT name AS a FROM people WHERE id = 1")
	// One answer from both.
	both := func() (s string) {
		t.Helper()
		s, err := unstale.Load(t.Context(), c, "both", func(ctx context.Context) (string, error) {
			x, err := read(ctx, a.db, "SELECT name FROM people WHERE id = 2")
			if err != nil {
				return "", err
			}
			y, err := read(ctx, b.db, "SELECT name FROM people WHERE id = 2")
			return x + y, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	both()
	a.exec("UPDATE people SET name = 'x' WHERE id = 2")
	if got := both(); got != "xbob" {
		t.Errorf("%s", got)
	}
	b.exec("UPDATE people SET name = 'y' WHERE id = 2")
	if got := both(); got != "xy" {
		t.Errorf("%s", got)
	}
}

// While the database is open, nothing takes it out of WAL mode, on which the
// watch of its wal-index relies.
func TestJournalModeStays(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	c := e.conn()
	_, _ = c.ExecContext(outside(t), "PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE")
	if mode, err := read(outside(t), c, "PRAGMA journal_mode"); err != nil || mode != "wal" {
		t.Errorf("%s, %v", mode, err)
	}
	e.warm("SELECT sum FROM orders WHERE id = 1")
}

// A commit of ours fails, and before the driver's call has returned somebody
// else's lands: the counter is where ours would have put it.
func TestFailedCommitThenForeignOne(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	for _, resolver := range []string{"poll", "our next commit", "settle"} {
		t.Run(resolver, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			db := plain(t, e.path)
			e.warm(query)
			c := e.conn()
			c.exec("BEGIN")
			c.exec("UPDATE orders SET sum = 99 WHERE id = 3")
			s := c.session()
			s.onCommit()
			if err := c.Raw(func(dc any) error { // past the session, as if within one call
				_, err := dc.(*conn).inner.(execerContext).ExecContext(context.Background(), "ROLLBACK", nil)
				return err
			}); err == nil {
				_, err = db.Exec("UPDATE orders SET sum = 77 WHERE id = 1")
				if err != nil {
					t.Fatal(err)
				}
			}
			if s.db.watch.pending != s {
				t.Fatal("the commit is not pending")
			}
			switch resolver {
			case "our next commit":
				e.exec("UPDATE orders SET sum = 5 WHERE id = 2")
			case "settle":
				s.afterCall()
			}
			e.miss("77", query)
			if n := e.lost(causeForeign); n != 1 {
				t.Errorf("%d foreign commits", n)
			}
		})
	}
}

// A commit of ours writes nothing, and before the driver's call has returned its
// connection sees somebody else's.
func TestEmptyCommitThenForeignOne(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	db := plain(t, e.path)
	e.warm("SELECT sum FROM orders WHERE id = 1")
	c := e.conn()
	c.exec("BEGIN IMMEDIATE")
	c.session().onCommit()
	inner := func(query string) {
		t.Helper()
		if err := c.Raw(func(dc any) error { // past the session, as if within one call
			_, err := dc.(*conn).inner.(execerContext).ExecContext(context.Background(), query, nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	inner("COMMIT")
	if _, err := db.Exec("UPDATE orders SET sum = 77 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	inner("SELECT * FROM orders")
	e.miss("77", "SELECT sum FROM orders WHERE id = 1")
}

// A process dies while it commits; the next one recovers the log.
func TestRecovery(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	e := newEnv(t, shop)
	write := otherProcess(t, e.path)
	for i, recover := range []writer{
		write,
		func(testing.TB, string) { e.exec("UPDATE orders SET sum = 500 WHERE id = 3") },
	} {
		e.warm(query)
		write(t, "tear the header")
		recover(t, "UPDATE orders SET sum = 500 WHERE id = 3")
		before := e.lost(causeForeign)
		e.exec("UPDATE orders SET sum = sum + 1 WHERE id = 2")
		write(t, fmt.Sprintf("UPDATE orders SET sum = %d WHERE id = 1", i))
		e.miss(fmt.Sprint(i), query)
		if e.lost(causeForeign) == before {
			t.Error("nothing was lost")
		}
		e.warm(query)
		e.exec("UPDATE orders SET sum = sum + 1 WHERE id = 2")
		e.hit(query)
	}
}
