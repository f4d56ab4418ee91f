package postgres

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/storetest"
)

// A mapStore is a shared store that can be looked into.
type mapStore struct {
	mu   sync.Mutex
	m    map[string][]byte
	sets atomic.Int64
}

func newMapStore() *mapStore { return &mapStore{m: make(map[string][]byte)} }

func (s *mapStore) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key], nil
}

func (s *mapStore) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	if ttl < time.Second { // for the contract
		time.AfterFunc(ttl, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.m, key)
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[key] = append([]byte(nil), value...)
	s.sets.Add(1)
	return nil
}

// snapshotOf returns what is in the store.
func (s *mapStore) copied() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string][]byte, len(s.m))
	for k, v := range s.m {
		m[k] = v
	}
	return m
}

func (s *mapStore) replace(m map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m = m
}

// A sharer is a cache of several on one database and one store.
type sharer struct {
	testing.TB
	db   *database
	c    *unstale.Cache
	pool *pgxpool.Pool
	h    http.Handler
	runs atomic.Int64
}

var sharedSecret = []byte("a secret of thirty-two bytes or more")

func newSharer(t testing.TB, dsn string, store unstale.SharedStore, change func(*unstale.Options)) *sharer {
	t.Helper()
	o := unstale.Options{
		Slots: 1 << 16, LookWait: time.Minute, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Sharing: &unstale.Sharing{Store: store, Secret: sharedSecret, Wait: time.Minute},
	}
	if change != nil {
		change(&o)
	}
	n := &sharer{TB: t}
	var err error
	if n.c, err = unstale.New(o); err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if n.db, n.pool, err = newPool(t.Context(), config, n.c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.pool.Close(); _ = n.c.Close() })
	m, err := n.c.Middleware(unstale.HandlerOptions{
		Name:     "test",
		Identity: func(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.h = m(http.HandlerFunc(n.serve))
	<-n.db.looked
	if _, err := n.db.schema(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// serve answers from a table: /row/1, /sum/1, /mine/1 for whoever asks, /load/1 by Load, /language/1 by Vary.
func (n *sharer) serve(w http.ResponseWriter, r *http.Request) {
	n.runs.Add(1)
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	sql := `SELECT version FROM item WHERE id = $1::int`
	who := ""
	switch kind {
	case "sum":
		sql = `SELECT sum(version)::int8 FROM item WHERE part = $1::int`
	case "mine":
		who = unstale.Identity(r.Context()) + " "
	case "language":
		w.Header().Set("Vary", "Accept-Language")
		who = r.Header.Get("Accept-Language") + " "
	case "tag":
		unstale.DependOn(r.Context(), "tag")
	case "after":
		unstale.ExpireAfter(r.Context(), time.Hour)
	case "at":
		unstale.ExpireAt(r.Context(), time.Now().Add(time.Hour))
	case "ends":
		sql = `SELECT version, until FROM item WHERE id = $1::int AND until > now()`
	}
	read := func(ctx context.Context) (v int64, err error) {
		columns := []any{&v, new(time.Time)}
		if kind != "ends" {
			columns = columns[:1]
		}
		err = n.pool.QueryRow(ctx, sql, id).Scan(columns...)
		return v, err
	}
	var v int64
	var err error
	if kind == "load" {
		v, err = unstale.Load(r.Context(), n.c, "item:"+id, read)
	} else {
		v, err = read(r.Context())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, who, v, strings.Repeat(" padding", 200))
}

// get asks, and returns the answer's first words and what the cache says.
func (n *sharer) get(path string, header ...string) (body, status string) {
	n.Helper()
	r := httptest.NewRequestWithContext(n.Context(), http.MethodGet, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	n.h.ServeHTTP(w, r)
	body, _, _ = strings.Cut(w.Body.String(), " padding")
	return body, w.Header().Get("Cache-Status")
}

// shared waits until n has given the store what it stored.
func (n *sharer) shared(want uint64) {
	n.Helper()
	for end := time.Now().Add(time.Minute); n.c.Stats().Shared.Stored < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.Fatalf("%+v, want %d stored", n.c.Stats().Shared, want)
		}
	}
}

// gives has n store what path answers in the store.
func (n *sharer) gives(path string, header ...string) (body string) {
	n.Helper()
	before := n.c.Stats().Shared.Stored
	body, _ = n.get(path, header...)
	n.shared(before + 1)
	return body
}

// items is a database of items.
func items(t testing.TB, server *testenv.Postgres) (name, dsn string) {
	t.Helper()
	dsn = server.NewDatabase("")
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	name = config.Database
	server.Psql(name, `CREATE TABLE item (id int PRIMARY KEY, part int, version int8 NOT NULL, until timestamptz NOT NULL DEFAULT now() + interval '1 day');
		INSERT INTO item SELECT i, i / 10, 1 FROM generate_series(0, 99) i; CREATE TABLE other (n int)`)
	if err := Setup(t.Context(), dsn, SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	return name, dsn
}

func TestMapStore(t *testing.T) {
	t.Parallel()
	storetest.TestShared(t, func(*testing.T) unstale.SharedStore { return newMapStore() })
}

// TestShared: what one node has made others serve, as long as it is true, and no longer.
func TestShared(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	name, dsn := items(t, server)
	store := newMapStore()
	a, b := newSharer(t, dsn, store, nil), newSharer(t, dsn, store, nil)
	for _, path := range []string{"/row/1", "/sum/1", "/mine/1", "/load/1", "/language/1"} {
		want := b.gives(path)
		runs := a.runs.Load()
		body, status := a.get(path)
		if body != want || a.runs.Load() != runs || !strings.Contains(status, ";hit") {
			t.Errorf("%s: %q (%s), want %q; %+v", path, body, status, want, a.c.Stats().Shared)
		}
		if body, status = a.get(path); body != want || !strings.Contains(status, ";hit") {
			t.Errorf("%s: again %q (%s)", path, body, status)
		}
		server.Psql(name, "UPDATE item SET version = version + 1 WHERE id IN (1, 11)")
		if body, status = a.get(path); body == want || strings.Contains(status, ";hit") {
			t.Errorf("%s: %q (%s) after a write", path, body, status)
		}
	}
}

// TestSharedIsJudged: what an entry lacks is counted against it, whoever made it.
func TestSharedIsJudged(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	old := func(t *testing.T, n *sharer, path, old string) {
		t.Helper()
		runs := n.runs.Load()
		if body, status := n.get(path); body == old || n.runs.Load() == runs {
			t.Errorf("%s: %q (%s); %+v", path, body, status, n.c.Stats().Shared)
		}
	}
	for name, test := range map[string]func(t *testing.T, name string, a, b *sharer, store *mapStore){
		"written before it is taken, by nobody's shape": func(t *testing.T, name string, a, b *sharer, _ *mapStore) {
			was := b.gives("/row/1")
			server.Psql(name, "UPDATE item SET version = 2 WHERE id = 1")
			old(t, a, "/row/1", was)
		},
		"told before it is taken, by nobody's shape": func(t *testing.T, name string, a, b *sharer, _ *mapStore) {
			was := b.gives("/row/1")
			server.Psql(name, "UPDATE item SET version = 2 WHERE id = 1")
			if err := a.db.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			old(t, a, "/row/1", was)
		},
		"written when it is known": func(t *testing.T, name string, a, b *sharer, _ *mapStore) {
			a.get("/row/2") // the shape is born
			was := b.gives("/row/1")
			a.get("/row/1")
			server.Psql(name, "UPDATE item SET version = 2 WHERE id = 1")
			old(t, a, "/row/1", was)
		},
		"committed late": func(t *testing.T, name string, a, b *sharer, _ *mapStore) {
			a.get("/row/2")
			conn, err := pgx.Connect(t.Context(), server.DSN("postgres", name))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			if _, err := conn.Exec(t.Context(), `BEGIN; UPDATE item SET version = 2 WHERE id = 1`); err != nil {
				t.Fatal(err)
			}
			server.Psql(name, "INSERT INTO other VALUES (1)") // a later transaction is over
			if err := b.db.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			was := b.gives("/row/1")
			if _, err := conn.Exec(t.Context(), `COMMIT`); err != nil {
				t.Fatal(err)
			}
			if err := a.db.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			old(t, a, "/row/1", was)
		},
		"an old dump": func(t *testing.T, name string, a, b *sharer, store *mapStore) {
			was := b.gives("/row/1")
			dump := store.copied()
			server.Psql(name, "UPDATE item SET version = 2 WHERE id = 1")
			a.get("/row/1")
			b.get("/row/1")
			a.shared(1)
			store.replace(dump)
			later := newSharer(t, server.DSN("postgres", name), store, nil)
			old(t, later, "/row/1", was)
		},
		"another catalogue": func(t *testing.T, _ string, a, b *sharer, _ *mapStore) {
			was := b.gives("/row/1")
			c := *a.db.catalogue.Load()
			c.fingerprint = "another"
			a.db.catalogue.Store(&c)
			runs := a.runs.Load()
			if a.get("/row/1"); a.runs.Load() == runs {
				t.Errorf("%q was taken", was)
			}
		},
		"another generation of the database": func(t *testing.T, name string, a, b *sharer, _ *mapStore) {
			b.gives("/row/1")
			server.Psql(name, "DELETE FROM unstale.outbox; UPDATE unstale.generation SET random = gen_random_uuid()")
			runs := a.runs.Load()
			if a.get("/row/1"); a.runs.Load() == runs {
				t.Error("it was taken")
			}
		},
		"invalidated here by its key": func(t *testing.T, _ string, a, b *sharer, _ *mapStore) {
			b.gives("/row/1")
			if err := a.c.Invalidate(t.Context(), unstale.Key("http:GET example.com /row/1")); err != nil {
				t.Fatal(err)
			}
			old(t, a, "/row/1", "")
		},
		"invalidated here by a pattern": func(t *testing.T, _ string, a, b *sharer, _ *mapStore) {
			b.gives("/row/1")
			if err := a.c.Invalidate(t.Context(), unstale.Pattern("http:GET * /row/*")); err != nil {
				t.Fatal(err)
			}
			old(t, a, "/row/1", "")
		},
		"a part of it is older than its invalidation here": func(t *testing.T, name string, a, b *sharer, _ *mapStore) {
			b.gives("/load/1")
			if err := a.c.Invalidate(t.Context(), unstale.Key("item:1")); err != nil {
				t.Fatal(err)
			}
			for _, n := range []*sharer{a, b} { // what is read from now on is later
				server.Psql(name, "INSERT INTO other VALUES (1)")
				if err := n.db.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			b.gives("/load/1?another=page")
			old(t, a, "/load/1?another=page", "")
			b.gives("/row/1") // which has no such part
			runs := a.runs.Load()
			if _, status := a.get("/row/1"); a.runs.Load() != runs {
				t.Errorf("what is younger than that is not taken: %s", status)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			name, dsn := items(t, server)
			store := newMapStore()
			test(t, name, newSharer(t, dsn, store, nil), newSharer(t, dsn, store, nil), store)
		})
	}
}

// TestSharedWithWhom: only the same program with the same configuration and the same secret takes
// what another one has stored, and only under its own name.
func TestSharedWithWhom(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	_, dsn := items(t, server)
	store := newMapStore()
	// Nodes are there before the entries: see docs/nodes.md.
	var nodes []*sharer
	node := func(change func(*unstale.Options)) {
		nodes = append(nodes, newSharer(t, dsn, store, func(o *unstale.Options) {
			s := *o.Sharing
			s.Store = readOnly{store} // what it stores stays with it
			o.Sharing = &s
			if change != nil {
				change(o)
			}
		}))
	}
	taker := func() (n *sharer) {
		n, nodes = nodes[0], nodes[1:]
		return n
	}
	others := []struct {
		name   string
		change func(*unstale.Options)
	}{
		{"another secret", func(o *unstale.Options) { o.Sharing.Secret = []byte(strings.Repeat("x", 32)) }},
		{"another deployment", func(o *unstale.Options) { o.Sharing.Deployment = "test" }},
		{"another build", func(o *unstale.Options) { o.Sharing.Version = "2" }},
		{"another prefix", func(o *unstale.Options) { o.Prefix = "other" }},
		{"another ledger", func(o *unstale.Options) { o.Slots = 1 << 17 }},
		{"the same", nil},
	}
	for _, other := range others {
		node(other.change)
	}
	damages := map[string]func(keys []string, m, whole map[string][]byte){
		"swapped": func(keys []string, m, whole map[string][]byte) {
			for i, k := range keys {
				m[k] = whole[keys[(i+1)%len(keys)]]
			}
		},
		"cut": func(keys []string, m, _ map[string][]byte) {
			for _, k := range keys {
				m[k] = m[k][:len(m[k])-1]
			}
		},
		"changed": func(keys []string, m, _ map[string][]byte) {
			for _, k := range keys {
				m[k][len(m[k])/2] ^= 1
			}
		},
		"made up": func(keys []string, m, _ map[string][]byte) {
			for _, k := range keys {
				m[k] = []byte("hello")
			}
		},
		"empty": func(keys []string, m, _ map[string][]byte) {
			for _, k := range keys {
				m[k] = []byte{}
			}
		},
	}
	for range damages {
		node(nil)
	}
	server.Psql("postgres", "CREATE ROLE other LOGIN SUPERUSER")
	role := newSharer(t, strings.Replace(dsn, "postgres@", "other@", 1), readOnly{store}, nil)
	b := newSharer(t, dsn, store, nil)
	for _, n := range append(slices.Clone(nodes), role, b) {
		if err := n.db.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.gives("/row/1")
	b.gives("/row/2")
	b.gives("/mine/1", "Authorization", "Ann")
	taken := func(t *testing.T, n *sharer, want bool) {
		t.Helper()
		for _, path := range []string{"/row/1", "/row/2"} {
			runs := n.runs.Load()
			body, status := n.get(path)
			if taken := n.runs.Load() == runs; taken != want || body != "1" {
				t.Errorf("%s: %q (%s): taken: %v; %+v", path, body, status, taken, n.c.Stats().Shared)
			}
		}
	}
	for _, other := range others[:len(others)-1] {
		t.Run(other.name, func(t *testing.T) { taken(t, taker(), false) })
	}
	t.Run("another role", func(t *testing.T) { taken(t, role, false) })
	t.Run("the same", func(t *testing.T) {
		n := taker()
		taken(t, n, true)
		if body, _ := n.get("/mine/1", "Authorization", "Eve"); body != "Eve 1" {
			t.Errorf("Eve is given %q", body)
		}
		if body, status := n.get("/mine/1", "Authorization", "Ann"); body != "Ann 1" || !strings.Contains(status, ";hit") {
			t.Errorf("Ann is given %q (%s)", body, status)
		}
	})
	whole := store.copied()
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			m := make(map[string][]byte)
			var keys []string
			for k, v := range whole {
				m[k], keys = append([]byte(nil), v...), append(keys, k)
			}
			damage(keys, m, whole)
			store.replace(m)
			n := taker()
			taken(t, n, false)
			if s := n.c.Stats().Shared; s.Taken != 0 || s.Refused == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A readOnly store takes nothing.
type readOnly struct{ unstale.SharedStore }

func (readOnly) Set(context.Context, string, []byte, time.Duration) error { return nil }

// TestNotShared: what others cannot judge stays.
func TestNotShared(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	_, dsn := items(t, server)
	store := newMapStore()
	n := newSharer(t, dsn, store, nil)
	unnamed := n.c.Handler(http.HandlerFunc(n.serve))
	for _, path := range []string{"/tag/1", "/after/1", "/at/1", "/ends/1"} {
		n.get(path)
		if _, status := n.get(path); !strings.Contains(status, ";hit") {
			t.Errorf("%s: %s", path, status)
		}
	}
	for range 2 {
		unnamed.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/row/7", http.NoBody))
	}
	n.gives("/row/1") // in their order
	if got := store.sets.Load(); got != 1 {
		t.Errorf("%d entries were given away", got)
	}
}

// TestPlace: a node places no position of another schema, or of another generation of
// the database.
func TestPlace(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	_, dsn := items(t, server)
	n := newSharer(t, dsn, newMapStore(), nil)
	n.gives("/row/1")
	db := n.db
	if err := db.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, ok := db.Position(db.Engine.Seq(), db.Engine.Seq())
	if !ok {
		t.Fatal("there is no position")
	}
	if _, ok := db.Place(text, nil); !ok {
		t.Fatalf("its own position is not placed: %s", text)
	}
	was := db.catalogue.Load()
	c := *was
	c.fingerprint += " another"
	db.catalogue.Store(&c)
	if _, ok := db.Place(text, nil); ok {
		t.Error("a position of another catalogue is placed")
	}
	db.catalogue.Store(was)
	db.positions.mu.Lock()
	db.positions.identity += " another"
	db.positions.mu.Unlock()
	if _, ok := db.Place(text, nil); ok {
		t.Error("a position in another database is placed")
	}
}
