package blackbox_test

import (
	"context"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
	"github.com/unstale/unstale/redisstore"
)

var (
	onPostgres = flag.Bool("postgres", false, "keep the data of all sites in PostgreSQL")
	onRedis    = flag.Bool("redis", false, "and share their answers by Redis")
	suite      testenv.Suite
)

// withServer ends the server when the tests have ended.
type withServer struct{ *testing.M }

func (m withServer) Run() int {
	defer suite.End()
	return m.M.Run()
}

var postgresServer = sync.OnceValue(func() *testenv.Postgres {
	return testenv.StartPostgres(&suite, "max_connections=400")
})

var redisServer = sync.OnceValue(func() *testenv.Redis { return testenv.StartRedis(&suite) })

// sharing returns how sites share answers, or nil if they do not.
func sharing() *unstale.Sharing {
	if !*onRedis {
		return nil
	}
	store, err := redisstore.Open(redisServer().URL())
	if err != nil {
		suite.Fatal(err)
	}
	// What is in the store is taken, however busy the machine is.
	return &unstale.Sharing{Store: store, Secret: []byte(strings.Repeat("s", 32)), Version: "test", Wait: time.Minute}
}

// sharesWith returns the writer's site if the reader is another one with which it shares answers.
func sharesWith(w, reader *everything) *site {
	if w == reader || !*onRedis {
		return nil
	}
	return w.site
}

// newDatabase returns where a new database is that is like another one of the server, ""
// for an empty one. On SQLite it returns "".
func newDatabase(template string) (dsn string) {
	if !*onPostgres {
		return ""
	}
	return postgresServer().NewDatabase(template)
}

// asTemplate has the site's database followed, and leaves it, so that others can be made
// like it. It returns its name.
func (s *site) asTemplate() string {
	s.Helper()
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
	if err := postgres.Setup(context.WithoutCancel(s.Context()), s.dsn, postgres.SetupOptions{}); err != nil {
		s.Fatal(err)
	}
	u, err := url.Parse(s.dsn)
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// parametrized returns a statement of the tests as the database wants it: each ? is a
// parameter.
func parametrized(query string) string {
	if !*onPostgres {
		return query
	}
	for n := 1; strings.Contains(query, "?"); n++ {
		query = strings.Replace(query, "?", "$"+strconv.Itoa(n), 1)
	}
	return query
}

// columns returns the names of a table's columns.
func (s *site) columns(table string) []string {
	s.Helper()
	names := "SELECT group_concat(name) FROM pragma_table_info(?)"
	if *onPostgres {
		names = "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ?"
	}
	return strings.Split(s.text(names, table), ",")
}

// TestPostgres runs what matters most on PostgreSQL: after every write through one
// notebook every read through it and through another one, with which it shares answers by
// Redis, beside a third without a cache. With -postgres all tests of the package do, and
// without -redis nothing is shared.
func TestPostgres(t *testing.T) {
	t.Parallel()
	if *onPostgres {
		t.Skip("it runs by itself")
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestTwoNotebooks|TestPsqlWrites|TestTexts)$", "-test.timeout=20m", "-postgres", "-redis")
	if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What is written through one notebook shows in the next read through another one on the
// same database.
func TestTwoNotebooks(t *testing.T) {
	t.Parallel()
	if !*onPostgres {
		t.Skip("TestPostgres runs it")
	}
	w := newEverything(t)
	other := w.another(true)
	everyWriteAndEveryRead(w, &everything{other, w.things})
	shared := other.cache.Stats().Shared
	t.Logf("%+v", shared)
	if *onRedis && (shared.Taken < 100 || w.cache.Stats().Shared.Stored < 100) {
		t.Errorf("little was shared: %+v, %+v", w.cache.Stats().Shared, shared)
	}
	for _, c := range other.cache.Stats().Coarse {
		t.Logf("coarse, %d runs, %d answers fell: %s: %s", c.Count, c.Fell, c.Reason, strings.Join(strings.Fields(c.Statement), " "))
	}
	for _, a := range other.cache.Advice() {
		t.Logf("advice: %s, %d times: %s %s", a.Route, a.Count, a.Reason, a.At)
	}
}

// The main pages are hits until psql writes what they show.
func TestPsqlWrites(t *testing.T) {
	t.Parallel()
	if !*onPostgres {
		t.Skip("TestPostgres runs it")
	}
	w := newEverything(t)
	public := w.of["persona"].public
	u, err := url.Parse(w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	for _, page := range []struct {
		read
		statement string
		want      string // in what is read after it
	}{
		{read{"", "/api/persona/" + public.ID}, "UPDATE persona_cards SET description = 'psql was here' WHERE id = '" + public.ID + "'", "psql was here"},
		{read{"", "/api/persona/public"}, "UPDATE persona_cards SET description = 'psql again' WHERE id = '" + public.ID + "'", "psql again"},
		{read{"", "/api/persona/public?sort_by=star_count"}, "UPDATE users SET username = 'alicia' WHERE username = 'alice'", "alicia"},
		{read{"alice", "/api/users/me"}, "UPDATE users SET is_muted = TRUE WHERE username = 'alicia'", `"is_muted":true`},
		{read{"bob", commentsOn("persona", public.ID)}, "UPDATE comments SET content = 'by psql'", "by psql"},
		{read{"alice", "/api/messages"}, "UPDATE messages SET title = 'from psql'", "from psql"},
		{read{"", "/"}, "", ""},
	} {
		page.ask(w.site)
		page.ask(w.site)
		if a := page.ask(w.site); !a.hit() {
			t.Errorf("GET %s is no hit: %q", page.path, a.header.Get("Cache-Status"))
		}
		if page.statement == "" {
			continue
		}
		postgresServer().Psql(database, page.statement)
		if a := page.ask(w.site); a.hit() || !strings.Contains(string(a.body), page.want) {
			t.Errorf("GET %s after psql: %q\n%s", page.path, a.header.Get("Cache-Status"), a.body)
		}
		page.ask(w.site) // see matrix.warm
		if a := page.ask(w.site); !a.hit() {
			t.Errorf("GET %s is no hit afterwards: %q", page.path, a.header.Get("Cache-Status"))
		}
	}
}
