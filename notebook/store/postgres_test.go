package store_test

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

// What people read of where the data is shows no password, whatever is wrong with it.
func TestAddress(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://ann:hunter2@db.example.com:5433/notes?application_name=x": "postgres://ann@db.example.com:5433/notes",
		"postgresql://ann:hunter2@127.0.0.1/notes?sslmode=disable":            "postgres://ann@127.0.0.1:5432/notes",
		"postgres://ann:hunter2@db.example.com:port/notes":                    "",
		"postgres://ann:hunter2@[::1/notes":                                   "",
		"host=localhost user=ann password=hunter2":                            "",
		"mysql://ann:hunter2@localhost/notes":                                 "",
		"notebook.db":                                                         "",
	} {
		got, err := store.Address(dsn)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Address(%q) = %q, %v, want %q", dsn, got, err, want)
		}
	}
	if _, err := store.OpenPostgres(t.Context(), "postgres://ann:hunter2@127.0.0.1:1/notes", nil); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("OpenPostgres: %v", err)
	}
}

// Several notebooks that start at once on one empty database all find it ready.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	dsn := server().NewDatabase("")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			cache, err := unstale.New(unstale.Options{Slots: 1 << 10})
			if err != nil {
				t.Error(err)
				return
			}
			s, err := store.OpenPostgres(t.Context(), dsn, cache)
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Followed(), s.Close(), cache.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A role that may use the tables, and no more, has a notebook that works, and is told
// why nothing is cached, until the owner has set that up.
func TestRoleThatMayNotSetUp(t *testing.T) {
	t.Parallel()
	p := server()
	owner := p.NewDatabase("notebook")
	name := owner[strings.LastIndex(owner, "/")+1 : strings.Index(owner, "?")]
	p.Psql("postgres", `CREATE ROLE app LOGIN`)
	p.Psql(name, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app`)
	cache, err := unstale.New(unstale.Options{Slots: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	dsn := p.DSN("app", name)
	s, err := store.OpenPostgres(t.Context(), dsn, cache)
	s = opened(t, s, err)
	if s.Followed() == nil {
		t.Error("the role may set up the database")
	}
	user(t, s, "ann", notebook.RoleUser)
	if _, err := store.OpenPostgres(t.Context(), p.DSN("app", "postgres"), cache); err == nil {
		t.Error("a database without tables, in which the role may make none, was opened")
	}
}

// Who was removed meanwhile can do nothing, and is told so by every database alike.
func TestWhoWasRemovedActs(t *testing.T) { onEach(t, testWhoWasRemovedActs) }

func testWhoWasRemovedActs(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	on := item(t, s, notebook.TargetPersona, ann, "on", public)
	c := say(t, s, ann, on, nil, "a")
	if _, err := s.DB().ExecContext(ctx, `DELETE FROM users WHERE id = $1`, bob.ID); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"uploads": func() error {
			return s.CreateItem(ctx, &notebook.Item{Kind: notebook.TargetKnowledge, Name: "n", Description: "d", UploaderID: bob.ID, Version: "1"}, nil, notebook.Quota{})
		},
		"stars": func() error {
			_, err := s.ToggleStar(ctx, bob.ID, on.Kind, on.ID, epoch, anybody)
			return err
		},
		"comments": func() error {
			return s.CreateComment(ctx, &notebook.Comment{UserID: bob.ID, TargetKind: on.Kind, TargetID: on.ID, Content: "x"}, anyTarget)
		},
		"reacts": func() error {
			_, err := s.React(ctx, bob, c.ID, notebook.Like, epoch, anyTarget)
			return err
		},
		"writes": func() error {
			_, err := s.SendMessage(ctx, notebook.NewMessage{SenderID: bob.ID, Type: notebook.MessageDirect, Title: "t", Content: "c", Recipients: []string{ann.ID}}, epoch)
			return err
		},
	} {
		if err := do(); !errors.Is(err, notebook.ErrInvalidToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Of those who want one name at the same time one gets it, and the others are told that
// it is taken, also where somebody comes in between who does not use the store.
func TestOneNameForOne(t *testing.T) { onEach(t, testOneNameForOne) }

func testOneNameForOne(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			if i == 0 {
				_, errs[i] = s.DB().ExecContext(ctx, `INSERT INTO users (id, username, email, hashed_password, created_at) VALUES ('x', 'ann', 'x@example.com', 'x', 0)`)
				return
			}
			_, errs[i] = s.CreateUser(ctx, notebook.NewUser{Username: "ann", Email: "ann@example.com", PasswordHash: "x", Role: notebook.RoleUser}, epoch)
		})
	}
	wg.Wait()
	made := 0
	for i, err := range errs {
		switch {
		case err == nil:
			made++
		case i > 0 && !errors.Is(err, notebook.ErrUsernameTaken):
			t.Error(err)
		}
	}
	if made != 1 || count(t, s, `SELECT count(*) FROM users`) != 1 {
		t.Errorf("%d got the name: %v", made, errs)
	}
}

// Both databases have the same tables with the same columns, of which the same may be
// NULL.
func TestSchemasAreAlike(t *testing.T) {
	t.Parallel()
	schema := func(s *store.Store, query string) map[string]bool {
		rows, err := s.DB().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		columns := make(map[string]bool)
		for rows.Next() {
			var column string
			var optional bool
			if err := rows.Scan(&column, &optional); err != nil {
				t.Fatal(err)
			}
			columns[column] = optional
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return columns
	}
	lite := schema(openSQLite(t), `SELECT m.name || '.' || c.name, NOT c."notnull" FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'goose%'`)
	full := schema(openPostgres(t), `SELECT table_name || '.' || column_name, is_nullable = 'YES' FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' AND table_name <> 'notebook'`)
	for column, optional := range lite {
		if got, there := full[column]; !there || got != optional {
			t.Errorf("%s on PostgreSQL: there %v, optional %v; on SQLite %v", column, there, got, optional)
		}
	}
	if len(full) != len(lite) || len(lite) < 100 {
		t.Errorf("%d columns on SQLite, %d on PostgreSQL", len(lite), len(full))
	}
}

// A transaction that others are in the way of for good is given up, and says why.
func TestWritesAreGivenUp(t *testing.T) {
	t.Parallel()
	s := openPostgres(t)
	if _, err := s.DB().ExecContext(t.Context(), `ALTER TABLE users ADD CONSTRAINT one_name UNIQUE (hashed_password)`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = s.DB().Exec(`ALTER TABLE users DROP CONSTRAINT one_name`)
	})
	user(t, s, "ann", notebook.RoleUser)
	_, err := s.CreateUser(t.Context(), notebook.NewUser{Username: "bob", Email: "bob@example.com", PasswordHash: "x", Role: notebook.RoleUser}, epoch)
	if err == nil || !strings.Contains(err.Error(), "one_name") || errors.Is(err, sql.ErrTxDone) {
		t.Errorf("%v", err)
	}
}

// Two notebooks on one database wake each other's listeners, and whoever is locked out of
// one is locked out of both.
func TestTwoStores(t *testing.T) {
	t.Parallel()
	dsn, ctx := server().NewDatabase("notebook"), t.Context()
	s, err := store.OpenPostgres(ctx, dsn, nil)
	one := opened(t, s, err)
	s, err = store.OpenPostgres(ctx, dsn, nil)
	two := opened(t, s, err)
	ann := user(t, one, "ann", notebook.RoleUser)
	before := must(two.MessageChanges(ctx, ann.ID))(t)
	waiting, woken := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(woken)
		ready := sync.OnceFunc(func() { close(waiting) })
		defer ready()
		for {
			changed := two.Changed()
			if n, err := two.MessageChanges(ctx, ann.ID); err != nil || n > before {
				return
			}
			ready()
			<-changed
		}
	}()
	<-waiting
	must(one.SendMessage(ctx, notebook.NewMessage{SenderID: ann.ID, Type: notebook.MessageDirect, Title: "t", Content: "c", Recipients: []string{ann.ID}}, epoch))(t)
	select {
	case <-woken:
	case <-time.After(time.Minute):
		t.Fatal("a message through one store is not heard of through the other")
	}
	var wg sync.WaitGroup
	for n := range notebook.MaxFailedLogins {
		wg.Go(func() {
			if err := []*store.Store{one, two}[n%2].RecordLogin(ctx, ann.ID, false, epoch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for n := range notebook.MaxFailedLoginsOfAll - notebook.MaxFailedLogins {
		if err := []*store.Store{one, two}[n%2].RecordLogin(ctx, ann.ID, false, epoch); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*store.Store{one, two} {
		if u := must(s.User(ctx, ann.ID))(t); !u.Locked(epoch) || u.FailedLogins != notebook.MaxFailedLoginsOfAll {
			t.Errorf("after too many tries at two notebooks: %+v", u)
		}
	}
}
