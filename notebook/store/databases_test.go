package store_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/notebook/store"
)

// An opener opens an empty store, which ends with the test.
type opener func(t *testing.T) *store.Store

// onEach runs a test on each of the databases: what it says is the contract of stores.
func onEach(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]opener{"SQLite": openSQLite, "PostgreSQL": openPostgres, "PostgreSQL, once more": openRefusing} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func openSQLite(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "note book#1.db"), nil)
	return opened(t, s, err)
}

func openPostgres(t *testing.T) *store.Store { return notebooks.open(t) }

// openRefusing opens a store on a database that refuses every other transaction that
// writes when it is about to commit, as it does one that another has come in the way
// of: whatever a transaction does, it does once more.
func openRefusing(t *testing.T) *store.Store { return refusals.open(t) }

// onPostgres reports whether a store is on PostgreSQL.
func onPostgres(s *store.Store) bool {
	_, ok := s.DB().Driver().(*stdlib.Driver)
	return ok
}

// copies are databases that were made like another one. To make one takes long; those
// that tests have done with are emptied, and used again.
type copies struct {
	of   string
	mu   sync.Mutex
	free []string // their addresses
}

var notebooks, refusals = copies{of: "notebook"}, copies{of: "refusing"}

func (c *copies) open(t *testing.T) *store.Store {
	t.Helper()
	c.mu.Lock()
	var dsn string
	if last := len(c.free) - 1; last >= 0 {
		dsn, c.free = c.free[last], c.free[:last]
	}
	c.mu.Unlock()
	if dsn == "" {
		dsn = server().NewDatabase(c.of)
	}
	s, err := store.OpenPostgres(t.Context(), dsn, nil)
	s = opened(t, s, err)
	t.Cleanup(func() { // before it is closed
		for _, table := range []string{"users", "upload_records", "download_records", "email_verifications"} { // what cascades leave
			if _, err := s.DB().ExecContext(context.WithoutCancel(t.Context()), `DELETE FROM `+table); err != nil {
				t.Error(err)
				return
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.free = append(c.free, dsn)
	})
	return s
}

func opened(t *testing.T, s *store.Store, err error) *store.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var suite testenv.Suite

func TestMain(m *testing.M) {
	code := m.Run()
	suite.End()
	os.Exit(code)
}

// server returns the server of this package's tests. It has a database "notebook", which
// is empty, and another one, "refusing".
var server = sync.OnceValue(func() *testenv.Postgres {
	p := testenv.StartPostgres(&suite)
	p.Psql("postgres", "CREATE DATABASE notebook")
	s, err := store.OpenPostgres(context.Background(), p.DSN("postgres", "notebook"), nil)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		suite.Fatal(err)
	}
	p.Psql("postgres", "CREATE DATABASE refusing TEMPLATE notebook")
	p.Psql("refusing", refusing)
	return p
})

// A sequence counts on when a transaction is rolled back. Only transactions of the
// store are refused, which are serializable, and each once.
const refusing = `
	CREATE SEQUENCE attempts;
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF current_setting('transaction_isolation') = 'serializable' AND coalesce(current_setting('test.asked', true), '') = '' THEN
			PERFORM set_config('test.asked', 'yes', true);
			IF nextval('attempts') % 2 = 1 THEN
				RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'refused once';
			END IF;
		END IF;
		RETURN NULL;
	END $$;
	DO $$
	DECLARE name TEXT;
	BEGIN
		FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'notebook') LOOP
			EXECUTE format('CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON %I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()', name);
		END LOOP;
	END $$;`

func TestOpenTwiceMigratesOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	dsn := server().NewDatabase("")
	for range 2 {
		for _, open := range []func() (*store.Store, error){
			func() (*store.Store, error) { return store.Open(t.Context(), path, nil) },
			func() (*store.Store, error) { return store.OpenPostgres(t.Context(), dsn, nil) },
		} {
			s, err := open()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
