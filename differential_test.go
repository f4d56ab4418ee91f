package unstale_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

var (
	differentialSteps = flag.Int("differential.steps", 50, "steps of the differential test")
	differentialSeed  = flag.Uint64("differential.seed", 0, "seed of the differential test's first scenario; 0 picks one")
)

// stepsPerScenario is how often a database is changed before a new one is made.
const stepsPerScenario = 25

// TestDifferential changes random databases in every way that SQL and
// database/sql have, and after each step asks for every page twice: through the
// cache, and from the same code without it, on a connection of its own. Both
// must be the same, byte for byte.
func TestDifferential(t *testing.T) {
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	var total tally
	for i := range max(1, *differentialSteps/stepsPerScenario) {
		s := newScenario(seed + uint64(i))
		if failure := s.run(t, &total); failure != "" {
			s.shrink(t)
			t.Fatalf("-differential.seed=%d -differential.steps=%d\n%s\nmade smaller:\n%s", s.seed, stepsPerScenario, failure, s)
		}
	}
	t.Logf("seed: -differential.seed=%d -differential.steps=%d: %d comparisons, %d hits, %d in bursts; refused: %v",
		seed, *differentialSteps, total.comparisons, total.hits, total.burst.Load(), total.refused)
	if total.hits == 0 {
		t.Error("nothing was ever cached")
	}
}

type tally struct {
	comparisons, hits int
	burst             atomic.Int64 // requests within bursts
	refused           map[string]uint64
}

// A scenario is a database, the pages made from it, and the steps that change
// it. It is data, so that a failing one can be run again with less.
type scenario struct {
	seed   uint64
	memory bool
	schema []string
	pages  []page
	steps  []step
}

func newScenario(seed uint64) *scenario {
	z := &zoo{Rand: rand.New(rand.NewPCG(seed, 7))}
	s := &scenario{seed: seed, memory: z.chance(15), schema: z.schema()}
	for range 12 {
		s.pages = append(s.pages, z.page())
	}
	for range stepsPerScenario {
		s.steps = append(s.steps, z.step(0))
	}
	return s
}

func (s *scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "memory: %t", s.memory)
	for _, text := range s.schema {
		b.WriteString("\n\t" + text + ";")
	}
	for i, p := range s.pages {
		fmt.Fprintf(&b, "\n\tpage %d%s", i, p)
	}
	for _, step := range s.steps {
		fmt.Fprintf(&b, "\n\t%s", step)
	}
	return b.String()
}

// shrink leaves out what is not needed for a failure.
func (s *scenario) shrink(t *testing.T) {
	fails := func(candidate scenario) bool {
		var ignored tally
		if candidate.run(t, &ignored) == "" {
			return false
		}
		*s = candidate
		return true
	}
	for i := len(s.steps) - 1; i >= 0; i-- {
		c := *s
		c.steps = append(append([]step{}, s.steps[:i]...), s.steps[i+1:]...)
		fails(c)
	}
	for i := len(s.pages) - 1; i >= 0 && len(s.pages) > 1; i-- {
		c := *s
		c.pages = append(append([]page{}, s.pages[:i]...), s.pages[i+1:]...)
		fails(c)
	}
	for i := len(s.schema) - 1; i >= 0; i-- {
		c := *s
		c.schema = append(append([]string{}, s.schema[:i]...), s.schema[i+1:]...)
		fails(c)
	}
}

// A world is a scenario that runs.
type world struct {
	*scenario
	cache    *unstale.Cache
	handler  http.Handler
	db       *sql.DB // cached
	plain    *sql.DB // the same file without the cache; nil in memory
	other    *sql.DB // a second Open on another cache; nil in memory
	path     string
	attached string
	local    *source // the cached database
	twin     *source
	tx       atomic.Pointer[sql.Tx] // an old one, in which pages are made

	ticks  [4]atomic.Int64 // of the clock: acknowledged or seen by anybody
	failed atomic.Pointer[string]
	reads  atomic.Int64
}

// run runs the scenario and returns what was wrong, or "".
func (s *scenario) run(t *testing.T, total *tally) (failure string) {
	t.Helper()
	dir := t.TempDir()
	w := &world{scenario: s, path: filepath.Join(dir, "d.db"), attached: filepath.Join(dir, "o.db")}
	open := func(path string) (*sql.DB, *unstale.Cache) {
		c, err := unstale.New(unstale.Options{Slots: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		db, err := sqlite.Open(path+"?_pragma=busy_timeout(30)", c)
		if err != nil {
			t.Fatal(err)
		}
		return db, c
	}
	if s.memory {
		w.path = ""
		w.db, w.cache = open(":memory:")
	} else {
		w.db, w.cache = open(w.path)
		if has(s.steps, "second") {
			var c *unstale.Cache
			w.other, c = open(w.path)
			defer c.Close()
			defer w.other.Close()
		}
		var err error
		if w.plain, err = sql.Open("sqlite", w.path+"?_pragma=busy_timeout(30)"); err != nil {
			t.Fatal(err)
		}
		defer w.plain.Close()
	}
	defer w.cache.Close()
	defer w.db.Close()
	w.local = &source{db: w.db, cache: w.cache}
	defer w.local.close()
	w.twin = &source{db: w.plain}
	if s.memory {
		w.twin.db = w.db
	}
	defer w.twin.close()
	w.handler = w.cache.Handler(http.HandlerFunc(w.serve))
	for _, text := range s.schema {
		_, _ = w.db.ExecContext(background(), text)
	}
	w.compare(total)
	w.compare(total)
	for i, step := range s.steps {
		w.do(step)
		if failure := w.compare(total); failure != "" {
			return fmt.Sprintf("after step %d, %s:\n%s", i, step, failure)
		}
		if i%2 == 0 {
			w.compare(total) // fills once more: the first may depend on whole tables
		}
	}
	total.burst.Add(w.reads.Load())
	stats := w.cache.Stats()
	if total.refused == nil {
		total.refused = make(map[string]uint64)
	}
	for why, n := range stats.Refused {
		total.refused[why] += n
	}
	if n := unstale.InFlux(w.cache); n != 0 {
		return fmt.Sprintf("%d marks left in flux", n)
	}
	if stats.OpenFills != 0 {
		return fmt.Sprintf("%d fills left open", stats.OpenFills)
	}
	return ""
}

// serve is the service.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if s, ok := r.Context().Value(stepKey{}).(step); ok {
			w.run(r.Context(), s)
		}
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/clock/"); ok {
		var n int64
		err := w.db.QueryRowContext(r.Context(), "SELECT n FROM clock WHERE id = ?", atoi(id)).Scan(&n)
		pause()
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(rw, n)
		return
	}
	n := atoi(strings.TrimPrefix(r.URL.Path, "/page/"))
	_, _ = io.WriteString(rw, w.local.render(r.Context(), n, w.pages[n], w.tx.Load()))
}

// get asks for a page through the cache.
func (w *world) get(ctx context.Context, n int) (body string, hit bool) {
	rw := &response{header: make(http.Header)}
	r := &http.Request{Method: http.MethodGet, Host: "h", URL: &url.URL{Path: "/page/" + strconv.Itoa(n)}, Header: http.Header{}}
	w.handler.ServeHTTP(rw, r.WithContext(ctx))
	return rw.body.String(), strings.Contains(rw.header.Get("Cache-Status"), "hit")
}

// compare asks for every page twice and returns a difference.
func (w *world) compare(total *tally) string {
	if f := w.failed.Load(); f != nil {
		return *f
	}
	for n, p := range w.pages {
		got, hit := w.get(context.Background(), n)
		want := w.twin.render(background(), n, p, nil)
		total.comparisons++
		if hit {
			total.hits++
		}
		if got != want {
			return fmt.Sprintf("page %d%s\nhit: %t\ngot:\n%swant:\n%s", n, p, hit, got, want)
		}
	}
	return ""
}

// burst does many things at the same time. Afterwards every page is compared;
// meanwhile nobody may see the clock go back.
func (w *world) burst(s step) {
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range 3 {
		writers.Go(func() {
			for j := i; j < len(s.at); j += 3 {
				w.do(s.at[j])
			}
		})
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(s.n), uint64(i)))
			for {
				select {
				case <-done:
					return
				default:
				}
				w.reads.Add(1)
				if rng.IntN(3) > 0 {
					w.get(context.Background(), rng.IntN(len(w.pages)))
					continue
				}
				w.look(1 + rng.IntN(3))
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

// look reads the clock through the cache.
func (w *world) look(id int) {
	before := w.ticks[id].Load()
	rw := &response{header: make(http.Header)}
	w.handler.ServeHTTP(rw, (&http.Request{Method: http.MethodGet, Host: "h", URL: &url.URL{Path: "/clock/" + strconv.Itoa(id)}, Header: http.Header{}}).WithContext(context.Background()))
	n, err := strconv.ParseInt(rw.body.String(), 10, 64)
	if err != nil {
		return
	}
	if n < before {
		f := fmt.Sprintf("clock %d is %d, although %d was acknowledged or seen before the request began (%s)", id, n, before, rw.header.Get("Cache-Status"))
		w.failed.CompareAndSwap(nil, &f)
	}
	w.saw(id, n)
}

func (w *world) saw(id int, n int64) {
	for old := w.ticks[id].Load(); n > old && !w.ticks[id].CompareAndSwap(old, n); old = w.ticks[id].Load() {
	}
}

// tick advances the clock in one of many ways.
func (w *world) tick(ctx context.Context, n int) {
	id := 1 + n%3
	var v int64
	var err error
	db := w.db
	switch n / 3 % 6 {
	case 0:
		err = db.QueryRowContext(ctx, "UPDATE clock SET n = n + 1 WHERE id = ? RETURNING n", id).Scan(&v)
	case 1:
		err = db.QueryRowContext(ctx, "INSERT INTO clock VALUES (?, 0) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n", id).Scan(&v)
	case 2:
		err = db.QueryRowContext(ctx, "INSERT OR REPLACE INTO clock SELECT id, n + 1 FROM clock WHERE id = ? RETURNING n", id).Scan(&v)
	case 3:
		err = db.QueryRowContext(ctx, "UPDATE OR REPLACE clock SET n = n + 1 WHERE id = ? RETURNING n", id).Scan(&v)
	case 4:
		if w.plain != nil {
			db = w.plain
		}
		err = db.QueryRowContext(ctx, "UPDATE clock SET n = n + 1 WHERE id = ? RETURNING n", id).Scan(&v)
	case 5:
		var tx *sql.Tx
		if tx, err = db.BeginTx(ctx, nil); err == nil {
			err = tx.QueryRowContext(ctx, "UPDATE clock SET n = n + 1 WHERE id = ? RETURNING n", id).Scan(&v)
			if err == nil {
				err = tx.Commit()
			} else {
				_ = tx.Rollback()
			}
		}
	}
	if err == nil {
		w.saw(id, v)
	}
}
