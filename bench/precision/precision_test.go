package precision

import (
	"context"
	"database/sql"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPrecision replays short traces of all workloads. No hit is stale, and no
// precision does worse than a coarser one or better than the oracle.
func TestPrecision(t *testing.T) {
	t.Parallel()
	for _, c := range courses(1, quickSize, 0) {
		t.Run(c.workload.Name(), func(t *testing.T) {
			t.Parallel()
			r, err := c.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before := 0
			for _, name := range r.sequence {
				o := r.replays[name].total
				t.Logf("%s: %d hits of %d, oracle %d, %d dropped, %d had changed", name, o.hits, o.gets, o.oracle, o.invalidated, o.changed)
				if o.hits < before || o.oracle < o.hits {
					t.Errorf("%s: %d hits, the coarser precision had %d, the oracle %d", name, o.hits, before, o.oracle)
				}
				if o.hits == 0 || o.invalidated == 0 || o.changed == 0 {
					t.Errorf("%s: nothing to compare: %+v", name, o)
				}
				lost := 0.0
				for _, n := range r.replays[name].blames {
					lost += n
				}
				if diff := lost - float64(o.oracle-o.hits); diff > 1e-6 || diff < -1e-6 {
					t.Errorf("%s: %g pages lost for a reason, %d lost", name, lost, o.oracle-o.hits)
				}
				before = o.hits
			}
			if sec := newSection([]*result{r}); len(sec.Tables) < 4 || strings.Contains(sec.Markdown(), "%!") {
				t.Errorf("%s", sec.Markdown())
			}
		})
	}
}

// A toy is a workload of two pages, of one row each.
type toy struct {
	clock bool // pages show the time and do not say so
}

func (toy) Name() string { return "toy" }

func (toy) Fill(ctx context.Context, path string) error {
	db, err := sqlite.Open(path, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	return workload.Fill(ctx, db, "CREATE TABLE t (id INTEGER PRIMARY KEY, shown INTEGER, other INTEGER)", func(f *workload.Filler) {
		f.Insert("t", 1, 0, 0)
		f.Insert("t", 2, 0, 0)
	})
}

func (toy) Trace(int) []workload.Request {
	get := func(path string) workload.Request { return workload.Get("page", path, "") }
	post := func(path string) workload.Request { return workload.Post("change", path, "", nil) }
	return []workload.Request{
		get("/1"), get("/2"), get("/1"), get("/2"), // two hits
		post("/shown/1"), get("/1"), get("/2"), // 1 had to fall, 2 not
		post("/other/1"), get("/1"), // read but not shown
		get("/ends"), get("/ends"), // a hit, then it ends
		post("/minute"), get("/ends"),
	}
}

func (w toy) Application(clock *workload.Clock) workload.Application {
	return &toyApplication{toy: w, clock: clock}
}

type toyApplication struct {
	toy
	clock *workload.Clock
}

func (*toyApplication) Options() unstale.Options { return unstale.Options{} }

func (a *toyApplication) Serve(_ context.Context, db *sql.DB, _ string, c *unstale.Cache) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{id}", workload.Show(db, func(p *workload.Page) {
		if p.Value("id") == "ends" {
			a.clock.ExpireAt(p.Context(), a.clock.Now.Truncate(time.Minute).Add(time.Minute))
			p.Row("SELECT id FROM t WHERE id = 1")
		} else if r := p.Row("SELECT shown, other FROM t WHERE id = ?", int(p.Value("id")[0]-'0')); r != nil {
			p.Printf("%d", r.Int(0))
		}
		if a.toy.clock {
			p.Printf(" at %s", a.clock.Now)
		}
	}))
	mux.HandleFunc("POST /minute", workload.Write(db, func(*workload.Change) { a.clock.Now = a.clock.Now.Add(time.Minute) }))
	mux.HandleFunc("POST /{column}/{id}", workload.Write(db, func(w *workload.Change) {
		column := w.PathValue("column")
		w.Exec("UPDATE t SET "+column+" = "+column+" + 1 WHERE id = ?", w.PathValue("id"))
	}))
	return c.Handler(mux), nil
}

// TestReplayCounts replays a trace of which every outcome is known.
func TestReplayCounts(t *testing.T) {
	t.Parallel()
	c := course{workload: toy{}, requests: 1}
	r, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]tally{
		"tables": {gets: 10, hits: 3, oracle: 5, invalidated: 3, changed: 1},
		"rows":   {gets: 10, hits: 4, oracle: 5, invalidated: 2, changed: 1},
		"exact":  {gets: 10, hits: 4, oracle: 5, invalidated: 2, changed: 1},
	} {
		if got := r.replays[name].total; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	const other = "read but not shown: SELECT shown, other FROM t WHERE id = ?"
	if got := r.replays["rows"].blames; len(got) != 1 || got[blame{"page", other}] != 1 {
		t.Errorf("lost %v", got)
	}
	if got := *r.replays["rows"].usages["SELECT shown, other FROM t WHERE id = ?"]; got != (usage{2, 2}) {
		t.Errorf("%+v", got)
	}
}

// TestReplayFindsStale has pages that change behind the cache's back.
func TestReplayFindsStale(t *testing.T) {
	t.Parallel()
	c := course{workload: toy{clock: true}, requests: 1, step: time.Second}
	if _, err := c.run(t.Context()); err == nil || !strings.Contains(err.Error(), "hits were stale") {
		t.Error(err)
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT a\n FROM t WHERE id IN (?)":         "SELECT a FROM t WHERE id IN (…)",
		"SELECT a FROM t WHERE id IN (?, ?)":        "SELECT a FROM t WHERE id IN (…)",
		"SELECT a FROM t WHERE id IN (?, ?, ?, ?)":  "SELECT a FROM t WHERE id IN (…)",
		"SELECT a FROM t WHERE id = ? AND b = 'x?'": "SELECT a FROM t WHERE id = ? AND b = 'x?'",
	} {
		if got := shape(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	if got := shorten("SELECT  a\n FROM b", 40, 40); got != "SELECT a FROM b" {
		t.Error(got)
	}
	if got := shorten("abcdefghij", 2, 3); got != "ab … hij" {
		t.Error(got)
	}
}
