package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// across has the service reach its server by a way that may lead elsewhere.
func (s *site) across() *way {
	s.Helper()
	w := newWay(s.T, fmt.Sprintf("127.0.0.1:%d", s.server.Port))
	config, err := pgxpool.ParseConfig(strings.Replace(s.dsn, fmt.Sprintf(":%d/", s.server.Port), fmt.Sprintf(":%d/", w.port()), 1))
	if err != nil {
		s.Fatal(err)
	}
	s.pool.Close()
	if s.pool, err = postgres.NewPoolWithConfig(s.Context(), config, s.cache); err != nil {
		s.Fatal(err)
	}
	return w
}

// lead has new connections go to a server.
func (w *way) lead(to *testenv.Postgres) {
	address := fmt.Sprintf("127.0.0.1:%d", to.Port)
	w.to.Store(&address)
}

// TestPromotion: after a standby was promoted nothing is served that was made before, and
// nothing is stored that is read on the old primary, which does not know that it is one;
// what was prepared before, and is committed after, is told. Of a standby nothing is
// stored.
func TestPromotion(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	w := s.across()
	s.settle("/")
	s.server.Psql("postgres", `BEGIN; UPDATE item SET name = 'prepared'; PREPARE TRANSACTION 'x'`)
	standby := s.server.Standby()
	s.settle("/")
	// The service is led to the standby: it answers, and stores nothing.
	w.lead(standby)
	w.each((*passage).cut)
	s.retry()
	for range 5 {
		if body, status := s.get("/"); body != "one" || strings.Contains(status, ";stored") || strings.Contains(status, ";hit") {
			t.Errorf("on a standby: %q (%s)", body, status)
		}
	}
	w.lead(s.server)
	w.each((*passage).cut)
	s.retry()
	s.settle("/")
	// A connection of the pool stays with the old primary.
	old, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	standby.Psql("postgres", `SELECT pg_promote()`)
	for end := time.Now().Add(time.Minute); standby.Psql("postgres", `SELECT pg_is_in_recovery()`) != "f"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not promoted")
		}
	}
	standby.Psql("postgres", `COMMIT PREPARED 'x'`)
	w.lead(standby)
	w.mu.Lock()
	kept := old.Conn().PgConn().Conn().LocalAddr().String()
	for p := range w.passages {
		if p.client.RemoteAddr().String() != kept {
			p.cut()
		}
	}
	w.mu.Unlock()
	s.retry()
	s.fresh("prepared")
	s.settle("/")
	s.fresh("prepared")
	old.Release()
	for range 20 { // some of these are answered by the old primary
		standby.Psql("postgres", `UPDATE item SET name = name || 'x'`)
		if body, status := s.get("/"); body == "one" && strings.Contains(status, ";stored") {
			t.Errorf("stored of the old primary: %s", status)
		}
	}
	s.pool.Reset()
	s.settle("/")
	s.fresh(standby.Psql("postgres", `SELECT name FROM item`))
	standby.Psql("postgres", `UPDATE item SET name = 'last'`)
	s.fresh("last")
}

// TestClone: a copy of the server in its place is another one, whatever its system
// identifier says.
func TestClone(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	w := s.across()
	s.settle("/")
	s.server.Stop(syscall.SIGINT)
	clone := s.server.Clone()
	s.server.Start()
	s.retry()
	s.settle("/")
	s.server.Psql("postgres", `UPDATE item SET name = 'two'`)
	s.fresh("two")
	s.settle("/")
	clone.Psql("postgres", `UPDATE item SET name = 'cloned'`+strings.Repeat("; SELECT pg_current_xact_id()", 20))
	w.lead(clone)
	w.each((*passage).cut)
	s.retry()
	s.fresh("cloned")
	s.settle("/")
	s.fresh("cloned")
	w.lead(s.server)
	w.each((*passage).cut)
	s.retry()
	s.fresh("two")
}

// TestSerializable: no transaction fails for the outbox, or for sweeping, that would not
// fail without.
func TestSerializable(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, n int8); INSERT INTO item SELECT i, 0 FROM generate_series(1, 10000) i; ANALYZE item;
		ALTER DATABASE postgres SET default_transaction_isolation = serializable`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var n int64
			err := s.pool.QueryRow(r.Context(), `SELECT n FROM item WHERE id = 1`).Scan(&n)
			fmt.Fprint(w, n)
			return err
		})
	s.settle("/")
	var failed, done atomic.Int64
	var all sync.WaitGroup
	const writers, each = 6, 60
	for i := range writers {
		conn := s.connect()
		s.exec(conn, `SET enable_seqscan = off`) // what each reads is its own
		all.Go(func() {
			for range each {
				err := pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
					var n int64
					if err := tx.QueryRow(context.Background(), `SELECT n FROM item WHERE id = $1`, 1+i*1500).Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec(context.Background(), `UPDATE item SET n = $2 WHERE id = $1`, 1+i*1500, n+1)
					return err
				})
				if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "40001" {
					failed.Add(1)
				} else if err != nil {
					t.Error(err)
				} else {
					done.Add(1)
				}
			}
		})
	}
	janitor := s.connect()
	s.exec(janitor, `SET default_transaction_isolation = 'read committed'`) // as ours is
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	for sweeping := true; sweeping; {
		select {
		case <-over:
			sweeping = false
		default:
			s.exec(janitor, `SELECT unstale.sweep('0')`)
			s.get("/")
		}
	}
	if failed.Load() != 0 || done.Load() != writers*each {
		t.Errorf("%d failed, %d of %d done", failed.Load(), done.Load(), writers*each)
	}
	s.fresh(strconv.Itoa(each))
}

// TestDiskFull: where the server's disk is full writes fail, and nothing is stale.
func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a small file system takes root to be mounted")
	}
	dir, err := os.MkdirTemp("", "full") // where the server's user gets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=110m,mode=1777", "unstale", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Setenv("TMPDIR", dir) // where the server is made
	s := newItem(t)
	s.settle("/")
	conn := s.connect()
	s.exec(conn, `CREATE TABLE filler (b bytea); ALTER TABLE filler ALTER b SET STORAGE EXTERNAL`)
	full := 0
	for i := range 400 {
		if _, err := conn.Exec(t.Context(), `INSERT INTO filler SELECT convert_to(repeat('x', 500000), 'UTF8')`); err != nil {
			full++
		}
		if conn.IsClosed() { // the server may have ended for it
			break
		}
		if full > 0 {
			name := fmt.Sprint("v", i)
			if _, err := conn.Exec(t.Context(), `UPDATE item SET name = $1`, name); err == nil {
				s.fresh(name)
			}
			s.fresh(s.truth("/"))
		}
		if full >= 5 {
			break
		}
	}
	if full == 0 {
		t.Error("the disk was not full")
	}
	if _, err := s.server.TryPsql("postgres", `DROP TABLE filler; CHECKPOINT`); err != nil { // it has ended, or there is no room for that
		s.server.Kill()
		t.Logf("the server ended: %v", err)
		return
	}
	s.settle("/")
	s.server.Psql("postgres", `UPDATE item SET name = 'room'`)
	s.fresh("room")
}
