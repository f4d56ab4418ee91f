package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/unstale/unstale"
)

// gallery is a schema with keys of several kinds.
var gallery = []string{
	`CREATE TABLE cards (slug TEXT UNIQUE, id TEXT PRIMARY KEY, title TEXT, stars INTEGER NOT NULL DEFAULT 0)`,
	`CREATE TABLE starred (fan TEXT, card TEXT REFERENCES cards (id), PRIMARY KEY (fan, card)) WITHOUT ROWID`,
	`CREATE TABLE notes (text TEXT)`,
	`CREATE TABLE blobs (id BLOB PRIMARY KEY, text TEXT)`,
	`INSERT INTO cards (id, slug, title) VALUES ('c1', 'ann@example.com', 'one'), ('c2', 'bob@example.com', 'two')`,
	`INSERT INTO notes VALUES ('a')`,
	`INSERT INTO blobs VALUES (x'00ff', 'a')`,
}

// A showroom is a service on a gallery: GET /table shows it, POST /sql executes
// the statement in the body of its query.
type showroom struct {
	*env
	handler http.Handler
}

func newShowroom(t *testing.T, o unstale.HandlerOptions) *showroom {
	mux := http.NewServeMux()
	o.Route = func(r *http.Request) string { _, pattern := mux.Handler(r); return pattern }
	c, err := unstale.New(unstale.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := &showroom{env: openEnv(t, c, filepath.Join(t.TempDir(), "gallery.db"), Config{Name: "gallery"}, gallery...)}
	for _, table := range []string{"cards", "starred", "notes", "blobs"} {
		mux.HandleFunc("GET /"+table, func(w http.ResponseWriter, r *http.Request) { s.show(w, r, "SELECT * FROM "+table) })
	}
	mux.HandleFunc("GET /cards/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.show(w, r, "SELECT title, stars FROM cards WHERE id = ?", r.PathValue("id"))
	})
	mux.HandleFunc("POST /sql", func(w http.ResponseWriter, r *http.Request) { s.write(w, r, r.FormValue("q")) })
	mux.HandleFunc("POST /cards/{id}/star", func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, "INSERT INTO starred VALUES ('ann', ?)", r.PathValue("id"))
	})
	wrap, err := c.Middleware(o)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = wrap(mux)
	return s
}

func (s *showroom) show(w http.ResponseWriter, r *http.Request, query string, args ...any) {
	text, err := read(r.Context(), s.db, query, args...)
	if err != nil {
		s.Errorf("%s: %v", query, err)
	}
	fmt.Fprint(w, text)
}

// write executes a statement in a transaction that counts stars, too.
func (s *showroom) write(w http.ResponseWriter, r *http.Request, query string, args ...any) {
	tx, err := s.db.BeginTx(r.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(r.Context(), query, args...)
	}
	if err == nil && len(args) > 0 {
		_, err = tx.ExecContext(r.Context(), "UPDATE cards SET stars = stars + 1 WHERE id = ?", args...)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		s.Errorf("%s: %v", query, err)
	}
}

func (s *showroom) serve(method, target string) string {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequestWithContext(s.Context(), method, target, nil))
	return w.Header().Get("Cache-Status")
}

func (s *showroom) explain(target string) unstale.Explanation {
	s.Helper()
	list := s.cache.Explain(s.cache.RequestKey(httptest.NewRequestWithContext(s.Context(), http.MethodGet, target, nil)))
	if len(list) != 1 {
		s.Fatalf("%s: %d explanations", target, len(list))
	}
	return list[0]
}

// warm asks until the answer is a hit.
func (s *showroom) warm(target string) {
	s.Helper()
	for range 3 {
		if strings.Contains(s.serve(http.MethodGet, target), ";hit") {
			return
		}
	}
	s.Fatalf("%s is not cached: %v", target, s.cache.Stats().Refused)
}

// TestExplain: the statement that an answer was made by, and the request, the
// table, the key, the columns and the time of what made it fall.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := newShowroom(t, unstale.HandlerOptions{ExplainTo: func(*http.Request) bool { return true }})
	s.warm("/cards/c1")
	s.warm("/starred")
	e := s.explain("/cards/c1")
	if len(e.Dependencies) != 1 || e.Dependencies[0].Statement != "SELECT title, stars FROM cards WHERE id = ?" ||
		!strings.HasPrefix(e.Dependencies[0].Source, "cards[id=?1]{") || e.Dependencies[0].Count == 0 || e.Dependencies[0].Changed {
		t.Errorf("%+v", e.Dependencies)
	}
	before := time.Now()
	s.serve(http.MethodPost, "/cards/c1/star?secret=hunter2")
	after := time.Now()
	e = s.explain("/cards/c1")
	ch := e.Change
	if e.Reason != "changed" || ch == nil || !e.Dependencies[0].Changed {
		t.Fatalf("%+v", e)
	}
	if ch.Cause != "write" || ch.Request != "POST /cards/{id}/star" || ch.Database != "gallery" || ch.More != 0 ||
		ch.Time.Before(before) || ch.Time.After(after) {
		t.Errorf("%+v", ch)
	}
	if got := fmt.Sprint(ch.Rows); got != "[{cards update c1 [stars] } {starred insert ann c1 [] }]" {
		t.Errorf("rows %s", got)
	}
	status := s.serve(http.MethodGet, "/cards/c1")
	if want := `detail="changed: ` + ch.String() + `"`; !strings.Contains(status, want) || strings.Contains(status, "hunter2") {
		t.Errorf("%s, want %s", status, want)
	}
	if e := s.explain("/cards/c1"); e.Reason != "" || e.LastMiss == nil || e.LastMiss.Change != ch {
		t.Errorf("%+v", e)
	}
}

// TestExplainWrites: what is said of each kind of write.
func TestExplainWrites(t *testing.T) {
	t.Parallel()
	many := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO cards (id, slug) SELECT 'm' || printf('%%05d', i), i FROM n`
	for _, test := range []struct {
		page, write string
		want        string // the change from its rows on
	}{
		{"/cards", `UPDATE cards SET title = 'x', stars = 3 WHERE slug = 'ann@example.com'`, "update cards c1 (title stars)"},
		{"/cards", `UPDATE cards SET title = 'x'`, "update cards c1 (title), update cards c2 (title)"},
		{"/cards", `DELETE FROM cards WHERE id = 'c2'`, "delete cards c2"},
		{"/cards", `REPLACE INTO cards (id, title) VALUES ('c2', 'new')`, "delete cards c2, insert cards c2"},
		{"/cards", fmt.Sprintf(many, 20), "insert cards m00001, insert cards m00002, insert cards m00003, insert cards m00004, " +
			"insert cards m00005, insert cards m00006, insert cards m00007, insert cards m00008, 12 more"},
		{"/cards", fmt.Sprintf(many, 10_001), "rows of cards (too many rows), 10001 more"},
		{"/starred", `INSERT INTO starred VALUES ('bob', 'c2')`, "insert starred bob c2"},
		{"/notes", `UPDATE notes SET text = 'b'`, "update notes (text)"},
		{"/blobs", `UPDATE blobs SET text = 'b'`, "update blobs x'00ff' (text)"},
	} {
		t.Run(test.write, func(t *testing.T) {
			t.Parallel()
			s := newShowroom(t, unstale.HandlerOptions{})
			s.warm(test.page)
			s.serve(http.MethodPost, "/sql?q="+unstale.Escape(test.write))
			e := s.explain(test.page)
			if e.Change == nil {
				t.Fatalf("%+v", e)
			}
			if _, got, _ := strings.Cut(e.Change.String()[len("write by POST /sql at 00:00:00"):], ": "); got != test.want || e.Change.Request != "POST /sql" {
				t.Errorf("%s\nwant %s", e.Change, test.want)
			}
		})
	}
}

// TestExplainNamesEveryTable before a second row of one.
func TestExplainNamesEveryTable(t *testing.T) {
	t.Parallel()
	s := newShowroom(t, unstale.HandlerOptions{})
	s.exec(`CREATE TRIGGER noted AFTER UPDATE ON cards BEGIN INSERT INTO notes VALUES (new.id); INSERT INTO blobs VALUES (randomblob(16), ''); END`)
	s.warm("/cards")
	s.warm("/notes")
	s.exec(`INSERT INTO cards (id) SELECT 'n' || value FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8, 9]')`)
	s.warm("/cards")
	s.exec(`UPDATE cards SET title = 'x'`)
	ch := s.explain("/cards").Change
	if ch == nil {
		t.Fatal("no change")
	}
	var tables []string
	for _, r := range ch.Rows {
		tables = append(tables, r.Table)
	}
	// Nobody reads blobs, so that its rows are not looked at.
	if want := []string{"blobs", "cards", "cards", "cards", "cards", "notes", "notes", "notes"}; !slices.Equal(tables, want) || ch.More != 33-7 {
		t.Errorf("%v and %d more, want %v", tables, ch.More, want)
	}
}

// TestExplainLoss: what made everything fall, and where.
func TestExplainLoss(t *testing.T) {
	t.Parallel()
	for cause, do := range map[string]func(s *showroom){
		"schema change": func(s *showroom) { s.exec("CREATE TABLE more (a)") },
		"foreign write": func(s *showroom) {
			if _, err := plain(s, s.path).ExecContext(s.Context(), "UPDATE cards SET stars = 9"); err != nil {
				s.Fatal(err)
			}
		},
		"driver access": func(s *showroom) {
			c := s.conn()
			if err := c.Raw(func(c any) error { c.(*conn).Unwrap(); return nil }); err != nil {
				s.Fatal(err)
			}
			_ = c.Close() // it returns to the pool
		},
	} {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			s := newShowroom(t, unstale.HandlerOptions{})
			s.warm("/cards")
			do(s)
			e := s.explain("/cards")
			if e.Reason != "everything invalidated" || e.Change == nil || e.Change.Cause != cause || e.Change.Database != "gallery" || e.Change.Rows != nil {
				t.Errorf("%+v %+v", e, e.Change)
			}
		})
	}
}

// TestExplainWhoWrote: of several requests on one connection, each its own.
func TestExplainWhoWrote(t *testing.T) {
	t.Parallel()
	s := newShowroom(t, unstale.HandlerOptions{})
	s.db.SetMaxOpenConns(1)
	s.warm("/cards")
	s.warm("/notes")
	s.serve(http.MethodPost, "/cards/c1/star")
	s.exec("UPDATE notes SET text = 'by nobody'")
	if a, b := s.explain("/cards").Change, s.explain("/notes").Change; a.Request != "POST /cards/{id}/star" || b.Request != "" {
		t.Errorf("%q, %q", a.Request, b.Request)
	}
	s.warm("/notes")
	ctx := unstale.Outside(context.Background())
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE notes SET text = 'taken back'"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if e := s.explain("/notes"); e.Reason != "" {
		t.Errorf("a change that was taken back: %+v", e)
	}
}

// TestCoarseReadsAreCounted: by statement and reason, at each run.
func TestCoarseReadsAreCounted(t *testing.T) {
	t.Parallel()
	e := newEnv(t, gallery...)
	run := func(query string) {
		t.Helper()
		for range 3 {
			if _, err := unstale.Load(t.Context(), e.cache, "k", func(ctx context.Context) (string, error) {
				unstale.ExpireAt(ctx, time.Time{}) // never a hit
				return read(ctx, e.db, query)
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const natural, random = "SELECT title FROM cards NATURAL JOIN starred", "SELECT title FROM cards ORDER BY random()"
	broken := "SELECT title, '" + strings.Repeat("\xff", 10) + "' FROM cards NATURAL JOIN starred"
	run("SELECT title FROM cards WHERE id = 'c1'")
	run(natural)
	run(random)
	run(broken)
	list := e.cache.Stats().Coarse
	if len(list) != 3 {
		t.Errorf("%+v", list)
	}
	for _, f := range list {
		want := map[string]string{natural: "using, natural, right or full join", random: "volatile function"}[f.Statement]
		if f.Count != 3 || !utf8.ValidString(f.Statement) || want != "" && f.Reason != want || f.Reason == "" {
			t.Errorf("%+v, want the reason %q", f, want)
		}
	}
}

// TestCoarseFallsAreCounted: where an answer fell because of a statement that is
// coarser than its text allows, and of nothing else, that is counted, once.
func TestCoarseFallsAreCounted(t *testing.T) {
	t.Parallel()
	const above, exact = "SELECT count(*) FROM cards WHERE stars + 0 > ?", "SELECT stars FROM cards WHERE id = ?"
	for name, test := range map[string]struct {
		write string
		fell  uint64
	}{
		"what it reads for nothing": {"UPDATE cards SET stars = 1 WHERE id = 'c2'", 1},
		"what another reads, too":   {"UPDATE cards SET stars = 1 WHERE id = 'c1'", 0},
		"what none reads":           {"UPDATE cards SET title = 'x'", 0},
		"everything":                {"CREATE TABLE more (x)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, gallery...)
			h := e.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for query, arg := range map[string]any{above: 5, exact: "c1"} {
					text, err := read(r.Context(), e.db, query, arg)
					if err != nil {
						t.Error(err)
					}
					fmt.Fprintln(w, text)
				}
			}))
			get := func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) }
			for range 2 { // kinds of statements are new at first
				get()
				e.exec("INSERT INTO cards (id) VALUES ('new') ON CONFLICT DO UPDATE SET stars = stars + 1")
			}
			get()
			e.cache.ResetStats()
			e.exec(test.write)
			get()
			get()
			var got unstale.CoarseStatement
			for _, c := range e.cache.Stats().Coarse {
				if c.Statement == above {
					got = c
				}
			}
			if got.Fell != test.fell || test.fell > 0 && got.Reason != "condition that is no equality" {
				t.Errorf("%+v, want %d falls", got, test.fell)
			}
		})
	}
}

// TestCoarseRunsAreCounted: what only a run makes coarser than the text allows is
// counted with its reason, and so are the answers that fall by it.
func TestCoarseRunsAreCounted(t *testing.T) {
	t.Parallel()
	const byMail, ofFan = "SELECT title FROM cards WHERE slug = ?", "SELECT count(*) FROM starred s JOIN cards c ON c.id = s.card WHERE s.fan = ? AND c.stars >= 0"
	e := newEnv(t, append(slices.Clone(gallery),
		`INSERT INTO cards (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i FROM n`,
		`INSERT INTO starred SELECT 'all', id FROM cards`)...)
	h := e.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, arg := byMail, any(7)
		switch r.URL.Path {
		case "/text":
			arg = "ann@example.com"
		case "/all":
			query, arg = ofFan, "all"
		case "/none":
			query, arg = ofFan, "nobody"
		}
		if _, err := read(r.Context(), e.db, query, arg); err != nil {
			t.Error(err)
		}
	}))
	get := func(path string) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	find := func(query, reason string) (got unstale.CoarseStatement) {
		for _, c := range e.cache.Stats().Coarse {
			if c.Statement == query && c.Reason == reason {
				got = c
			}
		}
		return got
	}
	get("/text")
	get("/none")
	if c := find(byMail, "argument of another type"); c.Count > 0 {
		t.Errorf("an argument that fits: %+v", c)
	}
	if c := find(ofFan, "too many joined rows"); c.Count > 0 {
		t.Errorf("no joined rows: %+v", c)
	}
	get("/number")
	get("/all")
	e.exec("UPDATE cards SET title = 'x', stars = 1 WHERE id = 'c2'")
	get("/number")
	get("/all")
	if c := find(byMail, "argument of another type"); c.Count != 2 || c.Fell != 1 {
		t.Errorf("a number as an address: %+v", c)
	}
	if c := find(ofFan, "too many joined rows"); c.Count != 2 {
		t.Errorf("two thousand joined rows: %+v", c)
	}
}

// BenchmarkWriteHistory is what it costs to remember the rows of a commit.
func BenchmarkWriteHistory(b *testing.B) {
	for _, rows := range []int{1, 100} {
		for name, history := range map[string]int{"on": 0, "off": -1} {
			b.Run(fmt.Sprintf("%d rows/%s", rows, name), func(b *testing.B) {
				c, err := unstale.New(unstale.Options{History: history, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = c.Close() })
				e := openEnv(b, c, filepath.Join(b.TempDir(), "bench.db"), Config{}, library...)
				e.exec(`INSERT INTO users (id, name) WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i, i FROM n`)
				e.warm("SELECT name FROM users WHERE id = ?", 1)
				s, err := e.db.PrepareContext(b.Context(), "UPDATE users SET mail = coalesce(mail, 0) + 1 WHERE id BETWEEN 10 AND ?")
				if err != nil {
					b.Fatal(err)
				}
				defer func(s *sql.Stmt) { _ = s.Close() }(s)
				ctx := outside(b)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.ExecContext(ctx, 9+rows); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// A query that a table has no room for, or whose list of columns, is coarse, and that
// is counted. Where unused kinds of queries make room, what was read falls and it is
// said why.
func TestTooManyKindsOfQueries(t *testing.T) {
	t.Parallel()
	columns := make([]string, 9)
	for i := range columns {
		columns[i] = fmt.Sprint("c", i)
	}
	e := newEnv(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, "+strings.Join(columns, ", ")+")")
	const first = "SELECT c0 FROM t WHERE id = 1"
	e.warm(first)
	query := func(i int) string { // each selects rows by other columns
		var where []string
		for b := range columns {
			if i>>b&1 == 1 {
				where = append(where, columns[b]+" = 1")
			}
		}
		return "SELECT id FROM t WHERE " + strings.Join(where, " AND ")
	}
	reasons := func() map[string]uint64 {
		m := make(map[string]uint64)
		for _, c := range e.cache.Stats().Coarse {
			m[c.Reason] += c.Count
		}
		return m
	}
	for i := 1; i <= 300; i++ {
		e.load(query(i))
	}
	if n := reasons()["too many kinds of statements on a table"]; n == 0 || n > 60 {
		t.Errorf("%d were counted", n)
	}
	e.hit(first)
	for i := 0; i < 2000 && e.cache.Stats().Invalidations["too many kinds of statements on a table"] == 0; i++ {
		e.fill(fmt.Sprint("again ", i), func(ctx context.Context) error {
			_, err := read(ctx, e.db, query(300+i%200))
			return err
		})
	}
	why := e.cache.Explain(key(first, nil))
	if len(why) != 1 || why[0].Change == nil || !strings.Contains(why[0].Change.String(), "rows of t (too many kinds of statements on a table)") {
		t.Errorf("explained by %+v", why)
	}
	e.miss("", first)
}
