package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
)

// newFollowed is a database that is set up, and followed.
func newFollowed(t *testing.T, schema string) (*database, *testenv.Postgres) {
	t.Helper()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", schema)
	dsn := server.DSN("postgres", "postgres")
	if err := Setup(t.Context(), dsn, SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db, pool := open(config, cache)
	t.Cleanup(func() { _ = pool.Close(); _ = cache.Close() })
	for db.CatchUp(t.Context()) != nil {
		if t.Context().Err() != nil {
			t.Fatal("no look is answered")
		}
	}
	return db, server
}

// after returns what a look returns after somebody wrote, with no other between.
func (db *database) after(t *testing.T, write func()) *answer {
	t.Helper()
	db.looking.Lock()
	defer db.looking.Unlock()
	write()
	a, err := db.look(t.Context(), db.conn)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestLooksReadWhatIsNew: a look returns what was committed since the one before, however
// long some transaction is open.
func TestLooksReadWhatIsNew(t *testing.T) {
	t.Parallel()
	db, server := newFollowed(t, `CREATE TABLE item (id int8 PRIMARY KEY, n int); INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i`)
	writer, err := pgx.Connect(t.Context(), server.DSN("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close(context.Background())
	for _, sql := range []string{`BEGIN`, `UPDATE item SET n = 1 WHERE id = 1`} {
		if _, err := writer.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		if rows := len(db.after(t, func() { server.Psql("postgres", fmt.Sprintf(`UPDATE item SET n = n + 1 WHERE id = %d`, 2+i)) }).rows); rows != 1 {
			t.Errorf("look %d returns %d rows", i, rows)
		}
		if err := db.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	commit := func() {
		if _, err := writer.Exec(t.Context(), `COMMIT`); err != nil {
			t.Error(err)
		}
	}
	if rows := len(db.after(t, commit).rows); rows != 1 {
		t.Errorf("%d rows of a transaction that was long open", rows)
	}
}

// TestLooksAreBounded: of very many rows a look tells the tables, and all of them.
func TestLooksAreBounded(t *testing.T) {
	t.Parallel()
	db, server := newFollowed(t, `CREATE TABLE item (id int8 PRIMARY KEY, n int); CREATE TABLE other (n int); INSERT INTO item SELECT i, 0 FROM generate_series(1, 1000) i`)
	a := db.after(t, func() {
		server.Psql("postgres", strings.Repeat("UPDATE item SET n = n + 1;\n", maxLook/1000+1)+"INSERT INTO other VALUES (1)")
	})
	if !a.more || len(a.tables) != 2 {
		t.Errorf("%d rows, tables %v", len(a.rows), a.tables)
	}
	c, err := db.schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes := telling{catalogue: c}
	for _, oid := range a.tables {
		if !changes.add(&outboxRow{relation: oid, operation: "t"}) {
			t.Error("a table is not known")
		}
	}
}

// TestOurConnections: what a role, a database or the server sets for sessions neither
// makes looks slow nor takes part in what applications do.
func TestOurConnections(t *testing.T) {
	t.Parallel()
	db, server := newFollowed(t, `ALTER DATABASE postgres SET default_transaction_isolation = serializable; ALTER DATABASE postgres SET statement_timeout = '1s';
		ALTER DATABASE postgres SET jit = on; ALTER ROLE postgres SET idle_in_transaction_session_timeout = '1s'; CREATE TABLE item (n int)`)
	for name, want := range map[string]string{
		"jit": "off", "transaction_isolation": "read committed", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "0", "plan_cache_mode": "force_generic_plan",
		"application_name": "unstale look", "lock_timeout": "0",
	} {
		var got string
		db.looking.Lock()
		err := db.conn.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got)
		db.looking.Unlock()
		if err != nil || got != want {
			t.Errorf("%s is %q, want %q; %v", name, got, want, err)
		}
	}
	if n := server.Psql("postgres", `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'unstale %'`); n != "1" && n != "2" {
		t.Errorf("%s connections beside the pool", n)
	}
}

// TestTemporaryNames: whoever may write to a table does not run code as the owner of the
// triggers, whatever they call theirs.
func TestTemporaryNames(t *testing.T) {
	t.Parallel()
	_, server := newFollowed(t, `CREATE TABLE item (id int8 PRIMARY KEY, name text, at timestamptz, day date); CREATE TABLE ran (as_whom text);
		CREATE ROLE mallory LOGIN; GRANT INSERT, UPDATE, DELETE, SELECT ON item TO mallory; GRANT INSERT ON ran TO mallory`)
	_, err := server.TryPsql("postgres", `SET SESSION AUTHORIZATION mallory;
		CREATE FUNCTION pg_temp.run(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN true; END $$;
		CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.run(VALUE::pg_catalog.text));
		CREATE DOMAIN pg_temp.int8 AS pg_catalog.int8 CHECK (pg_temp.run(VALUE::pg_catalog.text));
		CREATE DOMAIN pg_temp.int2 AS pg_catalog.int2 CHECK (pg_temp.run(VALUE::pg_catalog.text));
		CREATE DOMAIN pg_temp.xid8 AS pg_catalog.xid8;
		CREATE TABLE pg_temp.pg_class AS SELECT * FROM pg_catalog.pg_class;
		CREATE TABLE pg_temp.outbox (n int); CREATE TABLE pg_temp.followed (n int);
		INSERT INTO public.item VALUES (1, 'one', now(), '2020-01-01'); UPDATE public.item SET name = 'two'; DELETE FROM public.item`)
	if err != nil {
		t.Error(err)
	}
	if who := server.Psql("postgres", `SELECT string_agg(DISTINCT as_whom, ' ') FROM ran`); who != "" && who != "mallory" {
		t.Errorf("code ran as %s", who)
	}
	if n := server.Psql("postgres", `SELECT count(*) FROM unstale.outbox WHERE relation = 'item'::regclass`); n != "3" {
		t.Errorf("%s rows in the outbox", n)
	}
}
