package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// newItem is a service of one row.
func newItem(t *testing.T) *site {
	t.Helper()
	return newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'one')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var name string
			err := s.pool.QueryRow(r.Context(), `SELECT name FROM item WHERE id = 1`).Scan(&name)
			fmt.Fprint(w, name)
			return err
		})
}

// connect returns a connection past the cache.
func (s *site) connect() *pgx.Conn {
	s.Helper()
	conn, err := pgx.Connect(context.Background(), s.dsn)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *site) exec(conn *pgx.Conn, sql string) {
	s.Helper()
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// fresh fails unless the answer, hit or not, is body.
func (s *site) fresh(body string) {
	s.Helper()
	if got, status := s.get("/"); got != body {
		s.Errorf("%q (%s), want %q", got, status, body)
	}
}

// retry asks until the service answers again.
func (s *site) retry() {
	s.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if s.truth("/"); !strings.Contains(s.truth("/"), "failed") && s.truth("/") != "" {
			if _, err := s.pool.Exec(context.Background(), "SELECT 1"); err == nil {
				return
			}
		}
	}
	s.Fatal("the service does not answer again")
}

// TestRestarts: whatever became of the server, what is stored is not older than what
// it has now.
func TestRestarts(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	for name, stop := range map[string]func(){
		"crash": s.server.Kill, "immediate": func() { s.server.Stop(syscall.SIGQUIT) }, "fast": func() { s.server.Stop(syscall.SIGINT) },
	} {
		s.settle("/")
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'before %s'`, name))
		stop()
		s.server.Start()
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'after %s'`, name))
		s.retry()
		s.fresh("after " + name)
		s.settle("/")
		s.fresh("after " + name)
	}
}

// TestOutboxEmptied: who empties the outbox, or a part of it, hides nothing.
func TestOutboxEmptied(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	for i, empty := range []string{
		`TRUNCATE unstale.outbox`, `DELETE FROM unstale.outbox`, `UPDATE unstale.outbox SET relation = 0`,
		`SET session_replication_role = replica; DELETE FROM unstale.outbox`,
		`DROP TABLE unstale.outbox`,
	} {
		s.settle("/")
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'v%d'; %s`, i, empty))
		s.fresh(fmt.Sprint("v", i))
	}
	s.server.Psql("postgres", `DROP SCHEMA unstale CASCADE; UPDATE item SET name = 'last'`)
	s.fresh("last")
	if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	s.settle("/")
	s.server.Psql("postgres", `UPDATE item SET name = 'again'`)
	s.fresh("again")
}

// TestPrepared: a transaction that is prepared before a crash, and committed after it,
// is told.
func TestPrepared(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.settle("/")
	s.server.Psql("postgres", `BEGIN; UPDATE item SET name = 'two'; PREPARE TRANSACTION 'x'`)
	s.settle("/")
	s.fresh("one")
	s.server.Kill()
	s.server.Start()
	s.retry()
	s.settle("/")
	s.fresh("one")
	s.server.Psql("postgres", `COMMIT PREPARED 'x'`)
	s.fresh("two")
}

// TestSweep: what a long transaction has written is told, however often the outbox was
// swept meanwhile, and a node that was away so long believes nothing.
func TestSweep(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.settle("/")
	writer, janitor := s.connect(), s.connect()
	s.exec(writer, `BEGIN; UPDATE item SET name = 'two'`)
	for range 3 {
		s.exec(janitor, `SELECT unstale.sweep('0')`)
	}
	s.settle("/")
	s.exec(writer, `COMMIT`)
	s.exec(janitor, `SELECT unstale.sweep('0')`)
	s.fresh("two")
	s.settle("/")
	s.exec(writer, `UPDATE item SET name = 'three'`)
	for range 3 { // so fast that no look has seen it
		s.exec(writer, `SELECT pg_current_xact_id()`)
		s.exec(janitor, `SELECT unstale.sweep('0')`)
	}
	s.fresh("three")
	s.settle("/")
	for range 3 {
		s.exec(writer, `SELECT pg_current_xact_id()`)
		s.exec(janitor, `SELECT unstale.sweep('0')`)
	}
	if n := s.server.Psql("postgres", `SELECT count(*) FROM unstale.outbox`); n != "0" {
		t.Errorf("%s rows are left", n)
	}
	s.fresh("three")
}

// TestRestoredCopy: a server that is set back to what it was is another one.
func TestRestoredCopy(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.settle("/")
	s.server.Stop(syscall.SIGINT)
	copied := s.server.Dir + ".copy"
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("cp", "-a", s.server.Dir, copied)
	s.server.Start()
	s.retry()
	s.settle("/")
	s.server.Psql("postgres", `UPDATE item SET name = 'lost'`)
	s.settle("/")
	s.fresh("lost")
	s.server.Stop(syscall.SIGINT)
	run("rm", "-rf", s.server.Dir)
	run("mv", copied, s.server.Dir)
	s.server.Start()
	s.server.Psql("postgres", strings.Repeat("SELECT pg_current_xact_id();\n", 20))
	s.retry()
	s.settle("/")
	s.fresh("one")
}

// TestRestoredDump: what a dump brings back is what is answered, with our schema in it or
// not, in place of what was there or beside.
func TestRestoredDump(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	for name, how := range map[string]struct {
		dump   []string
		before string // the restore
	}{
		"everything":        {dump: []string{"--clean", "--if-exists"}},
		"without our part":  {dump: []string{"--clean", "--if-exists", "-N", "unstale", "-t", "item"}},
		"rows":              {dump: []string{"--data-only", "-t", "item"}, before: "TRUNCATE item;"},
		"rows, no triggers": {dump: []string{"--data-only", "--disable-triggers", "-t", "item"}, before: "TRUNCATE item;"},
	} {
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'old %s'`, name))
		dump := s.server.Dump("postgres", how.dump...)
		s.settle("/")
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'new %s'`, name))
		s.settle("/")
		s.fresh("new " + name)
		s.server.Psql("postgres", how.before+dump)
		s.fresh("old " + name)
		s.fresh("old " + name) // with triggers or without
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'mid %s'`, name))
		s.fresh("mid " + name)
		if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.settle("/")
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = 'last %s'`, name))
		s.fresh("last " + name)
	}
}

// TestDumpOfAnotherCluster: rows of the outbox that another cluster wrote, whose
// transactions have numbers that are still to come here, hide nothing.
func TestDumpOfAnotherCluster(t *testing.T) {
	t.Parallel()
	ahead := testenv.StartPostgres(t)
	ahead.Psql("postgres", `CREATE TABLE item (id int8 PRIMARY KEY, name text)`)
	ahead.Psql("postgres", strings.Repeat("SELECT pg_current_xact_id();\n", 2000))
	if err := postgres.Setup(t.Context(), ahead.DSN("postgres", "postgres"), postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	ahead.Psql("postgres", `INSERT INTO item VALUES (1, 'one'); UPDATE item SET name = 'two'; SELECT unstale.begin()`)
	s := newItem(t)
	s.settle("/")
	s.server.Psql("postgres", `DROP TABLE item`)
	s.server.Psql("postgres", ahead.Dump("postgres", "--clean", "--if-exists"))
	s.fresh("two")
	if n := s.server.Psql("postgres", `SELECT count(*) > 0 FROM unstale.outbox WHERE xid > pg_snapshot_xmax(pg_current_snapshot())`); n != "t" {
		t.Error("no row of the other cluster is there")
	}
	if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		s.settle("/")
		name := fmt.Sprint("three", i)
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = '%s'`, name))
		s.fresh(name)
		s.server.Psql("postgres", strings.Repeat("SELECT pg_current_xact_id();\n", 400)) // until their numbers have come
	}
}

// TestAnotherServer: what is read from another server than that which looks see is not
// stored.
func TestAnotherServer(t *testing.T) {
	t.Parallel()
	other := newItem(t)
	other.server.Psql("postgres", `UPDATE item SET name = 'other'`)
	s := newItem(t)
	config, err := pgxpool.ParseConfig(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if away.Load() {
			addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(other.server.Port))
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	pool, err := postgres.NewPoolWithConfig(t.Context(), config, s.cache)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s.pool.Close()
	s.pool = pool
	s.settle("/")
	s.fresh("one")
	away.Store(true)
	pool.Reset()
	s.server.Psql("postgres", `UPDATE item SET name = 'two'`)
	for range 3 {
		if body, status := s.get("/"); body != "other" || strings.Contains(status, ";stored") {
			t.Errorf("%q (%s)", body, status)
		}
	}
	away.Store(false)
	pool.Reset()
	s.settle("/")
	s.fresh("two")
}

// TestCollation: what a user's collation takes for equal is not told apart by bytes.
func TestCollation(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE item (id int8 PRIMARY KEY, name text, folded text COLLATE ci); INSERT INTO item VALUES (1, 'one', 'one'), (2, 'two', 'two')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var n int
			sql := `SELECT count(*) FROM item WHERE name COLLATE ci = $1`
			if r.URL.Path == "/column" {
				sql = `SELECT count(*) FROM item WHERE folded = $1`
			}
			err := s.pool.QueryRow(r.Context(), sql, "ONE").Scan(&n)
			fmt.Fprint(w, n)
			return err
		})
	s.settle("/")
	s.settle("/column")
	s.server.Psql("postgres", `UPDATE item SET name = 'x', folded = 'x' WHERE id = 1`)
	s.settle("/")
	s.settle("/column")
	s.server.Psql("postgres", `UPDATE item SET name = 'oNe', folded = 'oNe' WHERE id = 2`)
	s.want("/", "1", false)
	s.want("/column", "1", false)
}

// TestStrangersChangeTheSchema: it is noticed within a second or two what others do to
// tables and triggers.
func TestStrangersChangeTheSchema(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	for i, change := range []string{
		`BEGIN; ALTER TABLE item DISABLE TRIGGER ALL; UPDATE item SET name = '%[1]s'; ALTER TABLE item ENABLE ALWAYS TRIGGER unstale_insert;
			ALTER TABLE item ENABLE ALWAYS TRIGGER unstale_update; ALTER TABLE item ENABLE ALWAYS TRIGGER unstale_delete; ALTER TABLE item ENABLE ALWAYS TRIGGER unstale_truncate; COMMIT`,
		`BEGIN; ALTER TABLE item RENAME TO old; CREATE TABLE item AS SELECT id, '%[1]s'::text AS name FROM old; COMMIT`,
		`BEGIN; DROP TABLE item; ALTER TABLE old RENAME TO item; COMMIT; UPDATE item SET name = '%[1]s'`,
		`ALTER TABLE item DISABLE TRIGGER unstale_update; UPDATE item SET name = '%[1]s'`,
	} {
		if i != 2 {
			if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
				t.Fatal(err)
			}
			s.untold()
			s.settle("/")
		}
		want := fmt.Sprint("v", i)
		s.server.Psql("postgres", fmt.Sprintf(change, want))
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if got, _ := s.get("/"); got == want {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s is not noticed", change)
			}
		}
		s.fresh(want)
	}
	// Of a table without its triggers nothing is stored.
	for range 5 {
		if _, status := s.get("/"); strings.Contains(status, ";hit") || strings.Contains(status, ";stored") {
			t.Errorf("stored of a table that nobody follows: %s", status)
		}
	}
}

// TestBlindSpots: what is made of things of whose changes nobody is told is not stored.
func TestBlindSpots(t *testing.T) {
	t.Parallel()
	queries := map[string]string{
		"partitioned":    `SELECT count(*) FROM parted`,
		"partition":      `SELECT count(*) FROM late_part`,
		"parent":         `SELECT count(*) FROM parent`,
		"child":          `SELECT count(*) FROM late_child`,
		"materialized":   `SELECT count(*) FROM mat`,
		"through a view": `SELECT count(*) FROM shown`,
		"sequence":       `SELECT last_value FROM seq`,
		"system":         `SELECT count(*) FROM pg_class`,
		"now":            `SELECT count(*) FROM item WHERE at < now()`,
		"random":         `SELECT random(), count(*) FROM item`,
		"setting":        `SELECT current_setting('app.user', true), count(*) FROM item`,
		"user":           `SELECT current_user, count(*) FROM item`,
		"date":           `SELECT current_date, count(*) FROM item`,
		"function":       `SELECT f(), count(*) FROM item`,
		"immutable":      `SELECT g(), count(*) FROM item`,
		"ctid":           `SELECT ctid::text FROM item`,
		"xmin":           `SELECT xmin::text FROM item`,
		"sample":         `SELECT count(*) FROM item TABLESAMPLE BERNOULLI (50)`,
		"locks":          `SELECT id FROM item FOR UPDATE`,
		"writes":         `WITH x AS (UPDATE item SET at = at RETURNING id) SELECT count(*) FROM x`,
		"returns":        `UPDATE item SET at = at RETURNING id`,
		"explain":        `EXPLAIN SELECT * FROM item`,
		"show":           `SHOW search_path`,
		"lock function":  `SELECT pg_advisory_unlock_all(), count(*) FROM item`,
		"notify":         `SELECT pg_notify('a', 'b'), count(*) FROM item`,
		"sequence moves": `SELECT nextval('seq'), count(*) FROM item`,
		"xml":            `SELECT table_to_xml('item', true, true, '')`,
		"not set up":     `SELECT count(*) FROM late`,
	}
	s := newSite(t, `
		CREATE TABLE item (id int8 PRIMARY KEY, at timestamptz DEFAULT now()); INSERT INTO item VALUES (1);
		CREATE TABLE parted (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
		CREATE TABLE parent (a int);
		CREATE MATERIALIZED VIEW mat AS SELECT * FROM item; CREATE VIEW shown AS SELECT * FROM mat; CREATE SEQUENCE seq;
		CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM item';
		CREATE FUNCTION g() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT count(*) FROM item';`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var known int
			if err := s.pool.QueryRow(r.Context(), `SELECT count(*) FROM item`).Scan(&known); err != nil {
				return err
			}
			if name := strings.TrimPrefix(r.URL.Path, "/"); name != "" {
				rows, err := s.pool.Query(r.Context(), queries[strings.ReplaceAll(name, "-", " ")])
				if err != nil {
					return err
				}
				rows.Close()
				return rows.Err()
			}
			return nil
		})
	s.server.Psql("postgres", `CREATE TABLE late (a int); CREATE TABLE late_part PARTITION OF parted FOR VALUES IN (2); CREATE TABLE late_child () INHERITS (parent)`)
	s.settle("/")
	for name := range queries {
		s.pool.Reset() // what one statement does to a session is not to hide what another reads
		s.server.Psql("postgres", `UPDATE item SET at = clock_timestamp()`)
		s.settle("/")
		for range 2 {
			if body, status := s.get("/" + strings.ReplaceAll(name, " ", "-")); body != "" || strings.Contains(status, ";stored") || strings.Contains(status, ";hit") {
				t.Errorf("%s: %q (%s)", name, body, status)
			}
		}
	}
}

// TestSessions: where texts may mean something else nothing is stored.
func TestSessions(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.server.Psql("postgres", `CREATE SCHEMA other; CREATE TABLE other.item (id int8, name text); INSERT INTO other.item VALUES (1, 'hidden');
		CREATE FUNCTION h() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'other', false); END $$`)
	h := s.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := s.pool.Acquire(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Hijack().Close(context.Background()) }()
		if sql := r.Header.Get("X-Sql"); sql != "" {
			if _, err := conn.Exec(unstale.Outside(r.Context()), sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		var name string
		if err := conn.QueryRow(r.Context(), `SELECT name FROM item WHERE id = 1`).Scan(&name); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("%s: %v", r.Header.Get("X-Sql"), err)
		}
	}))
	get := func(sql string) string {
		s.pool.Reset() // DISCARD ALL forgets what was prepared on the connection, with the cache or without
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/s", http.NoBody)
		r.Header.Set("X-Sql", sql)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Header().Get("Cache-Status")
	}
	s.settle("/")
	for sql, stored := range map[string]bool{
		`SET search_path = other, public`:                                                            false,
		`SELECT set_config('search_path', 'other', false)`:                                           false,
		`CREATE TEMP TABLE item (id int8, name text)`:                                                false,
		`CREATE TABLE IF NOT EXISTS public.made AS SELECT set_config('search_path', 'other', false)`: false,
		`COPY (SELECT h()) TO '/dev/null'`:                                                           false,
		`SET ROLE postgres`:                                                                          false,
		`SET TimeZone = 'Asia/Tokyo'`:                                                                false,
		`SELECT h()`:                                                                                 false,
		`DISCARD ALL`:                                                                                false,
		`SELECT 1; SET search_path = other`:                                                          false,
		`DO $$ BEGIN PERFORM set_config('search_path', 'other', false); END $$`:                      false,
		`SELECT 1`:         true,
		`EXPLAIN SELECT 1`: true,
		`EXPLAIN ANALYZE SELECT set_config('search_path', 'other', false)`: false,
		`-- nothing`: true,
		`SELECT now(), random(), clock_timestamp()`: true,
		`UPDATE item SET name = name`:               true,
		`LOCK TABLE item IN SHARE MODE`:             true,
	} {
		if strings.HasPrefix(sql, "LOCK") {
			sql = "BEGIN; " + sql + "; COMMIT"
		}
		status := ""
		for range 5 { // others may be in flux
			if status = get(sql); strings.Contains(status, ";stored") || strings.Contains(status, ";hit") {
				break
			}
		}
		if got := strings.Contains(status, ";stored") || strings.Contains(status, ";hit"); got != stored {
			t.Errorf("after %s: %s", sql, status)
		}
	}
}

// TestRoles: a role that owns nothing has hits where setup let it, and does without
// the cache where it did not.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.server.Psql("postgres", `CREATE ROLE app LOGIN; CREATE ROLE stranger LOGIN; GRANT SELECT, UPDATE ON item TO app, stranger`)
	if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{Grant: []string{"app"}}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"app", "stranger"} {
		hit := role == "app"
		cache, err := unstale.New(unstale.Options{Slots: 1 << 16, LookWait: time.Minute, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		pool, err := postgres.NewPool(t.Context(), s.server.DSN(role, "postgres"), cache)
		if err != nil {
			t.Fatal(err)
		}
		r := &site{T: t, cache: cache, pool: pool}
		r.h = cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			var name string
			if err := pool.QueryRow(req.Context(), `SELECT name FROM item`).Scan(&name); err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, name)
		}))
		if hit {
			r.settle("/")
			if _, err := pool.Exec(t.Context(), `UPDATE item SET name = 'two'`); err != nil { // its triggers write where it may not
				t.Error(err)
			}
			r.want("/", "two", false)
			if _, err := pool.Exec(t.Context(), `SELECT count(*) FROM unstale.outbox`); err == nil {
				t.Error("the outbox is readable")
			}
		} else {
			for range 5 {
				r.want("/", "two", false)
			}
		}
		pool.Close()
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadsShare: calls of Load share a function where nobody holds a connection, and
// do not wait for one another where somebody does who may need it.
func TestLoadsShare(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	db, err := postgres.Open(s.dsn, s.cache)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s.settle("/")
	ctx := unstale.Outside(t.Context())
	for range 3 { // connections have been used, by the pool and by database/sql
		if _, err := s.pool.Exec(ctx, `SELECT count(*) FROM item`); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM item`).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	joined := func(within func(ctx context.Context, load func(context.Context))) uint64 {
		before := s.cache.Stats().Loads.Joined
		key, open, begun := rand.Text(), make(chan struct{}), make(chan struct{})
		load := func(ctx context.Context) {
			if _, err := unstale.Load(ctx, s.cache, key, func(ctx context.Context) (string, error) {
				unstale.DependOn(ctx, "x")
				select {
				case <-begun: // not the first
				default:
					close(begun)
					<-open
				}
				return "", nil
			}); err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		all.Go(func() { load(t.Context()) })
		<-begun
		all.Go(func() {
			within(t.Context(), func(ctx context.Context) {
				time.AfterFunc(100*time.Millisecond, func() { close(open) })
				load(ctx)
			})
		})
		all.Wait()
		return s.cache.Stats().Loads.Joined - before
	}
	if n := joined(func(ctx context.Context, load func(context.Context)) { load(ctx) }); n != 1 {
		t.Errorf("%d joined, where nobody holds a connection", n)
	}
	if n := joined(func(ctx context.Context, load func(context.Context)) {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Release()
		load(ctx)
	}); n != 0 {
		t.Errorf("%d joined that hold a connection", n)
	}
	if n := joined(func(ctx context.Context, load func(context.Context)) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Error(err)
			return
		}
		load(ctx)
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%d joined that hold a transaction", n)
	}
	if n := joined(func(ctx context.Context, load func(context.Context)) { load(ctx) }); n != 1 {
		t.Errorf("%d joined, where nobody holds a connection any more", n)
	}
}

// TestSettingsOfRoles: what a role or a database is given for new sessions is noticed
// when there is one.
func TestSettingsOfRoles(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.server.Psql("postgres", `CREATE SCHEMA other; CREATE TABLE other.item (id int8 PRIMARY KEY, name text); INSERT INTO other.item VALUES (1, 'other')`)
	if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	s.settle("/")
	s.server.Psql("postgres", `ALTER ROLE postgres SET search_path = other, public`)
	s.pool.Reset()
	s.server.Psql("postgres", `UPDATE public.item SET name = 'two'`) // what was stored falls
	for i := range 5 {
		s.fresh("other")
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE other.item SET name = 'v%d'`, i))
		s.fresh(fmt.Sprint("v", i))
		s.server.Psql("postgres", `UPDATE other.item SET name = 'other'`)
	}
	s.settle("/")
	s.server.Psql("postgres", `UPDATE other.item SET name = 'again'`)
	s.want("/", "again", false)
}
