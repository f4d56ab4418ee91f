package postgres

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/testenv"
)

var (
	differentialPairs    = flag.Int("differential.pairs", 3_000, "pairs of a cached read and a change that TestDifferential makes")
	differentialSeed     = flag.Uint64("differential.seed", 1, "seed of TestDifferential; 0 picks one")
	differentialFirst    = flag.Uint64("differential.first", 0, "index of the first case of TestDifferential")
	differentialMinimise = flag.Duration("differential.minimise", 30*time.Second, "how long TestDifferential makes a failing case smaller")
)

// A pgCase is a database, what is read of it, and how it changes.
type pgCase struct {
	setup   []string
	reads   []pgRead
	changes []pgChange
}

// newCase returns the case that belongs to a seed and an index.
func newCase(seed, index uint64) *pgCase {
	g := &pgGenerator{Rand: rand.New(rand.NewPCG(seed, index))}
	c := &pgCase{setup: g.setup()}
	for range 30 {
		c.reads = append(c.reads, g.read())
	}
	for range 24 {
		c.changes = append(c.changes, g.change())
	}
	return c
}

// TestDifferential makes random databases on a real server, caches what random queries
// return, and after each random change demands that what the cache still gives is what
// the database now returns, or may return where the query leaves the order open.
func TestDifferential(t *testing.T) {
	t.Parallel()
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-differential.seed=%d", seed)
	server := differentialServer(t)
	start, total := time.Now(), newTally()
	for i := *differentialFirst; total.pairs < *differentialPairs; i++ {
		c := newCase(seed, i)
		f := play(t, server, c, settingOf(i), total)
		if f == nil {
			continue
		}
		t.Errorf("-differential.seed=%d -differential.first=%d %+v\n%s\nof\n%s", seed, i, settingOf(i), f, strings.Join(c.setup, ";\n"))
		small := minimise(t, server, c, settingOf(i), f)
		t.Fatalf("made smaller: %s\n%s", play(t, server, small, settingOf(i), newTally()), small)
	}
	t.Logf("%s; %.0f pairs/s", total, float64(total.pairs)/time.Since(start).Seconds())
	if total.hits*100 < total.unchanged*leastHits {
		t.Errorf("%d hits where %d answers had not changed: the test shows little", total.hits, total.unchanged)
	}
	if total.pairs-total.unchanged < total.pairs/50 {
		t.Errorf("%d of %d answers changed: the test shows little", total.pairs-total.unchanged, total.pairs)
	}
}

// leastHits is the share of hits, in percent of the answers that a change did not
// change, below which TestDifferential has no answers to be wrong about.
const leastHits = 20

// differentialServer returns a server with a role "app", for which policies count.
func differentialServer(t *testing.T) *testenv.Postgres {
	t.Helper()
	server := testenv.StartPostgres(t, "max_prepared_transactions=10", "log_min_messages=fatal")
	server.Psql("postgres", "CREATE ROLE app LOGIN; CREATE EXTENSION citext")
	if strings.HasPrefix(strings.TrimSpace(server.Psql("postgres", "SHOW server_version_num")), "14") {
		return server
	}
	server.Psql("postgres", "GRANT SET ON PARAMETER log_min_messages TO app")
	return server
}

// minimise leaves out what a failure does not need.
func minimise(t *testing.T, server *testenv.Postgres, c *pgCase, s setting, f *failure) *pgCase {
	t.Helper()
	end := time.Now().Add(*differentialMinimise)
	best := &pgCase{setup: c.setup, reads: []pgRead{c.reads[f.read]}, changes: c.changes[:f.change+1]}
	fails := func(c *pgCase) bool { return play(t, server, c, s, newTally()) != nil }
	if !fails(best) {
		return c
	}
	for again := true; again && time.Now().Before(end); {
		again = false
		for i := 0; i < len(best.changes) && time.Now().Before(end); i++ {
			small := *best
			small.changes = slices.Delete(slices.Clone(best.changes), i, i+1)
			if fails(&small) {
				best, again = &small, true
				i--
			}
		}
		for i := 0; i < len(best.setup) && time.Now().Before(end); i++ {
			small := *best
			small.setup = slices.Delete(slices.Clone(best.setup), i, i+1)
			if fails(&small) {
				best, again = &small, true
				i--
			}
		}
	}
	return best
}

func (c *pgCase) String() string {
	var b strings.Builder
	for _, s := range c.setup {
		fmt.Fprintf(&b, "%s;\n", s)
	}
	for i := range c.reads {
		r := &c.reads[i]
		fmt.Fprintf(&b, "-- read (%s, %s, bundled %t): %s %#v\n", r.shape, r.mode, r.bundled, r.text, r.args)
	}
	for _, ch := range c.changes {
		fmt.Fprintf(&b, "-- change, within %t: %s\n%s\n", ch.within, ch.copied, strings.Join(ch.statements, ";\n"))
	}
	return b.String()
}

// A failure says what was wrong.
type failure struct {
	read, change int
	text         string
}

func (f *failure) String() string {
	if f == nil {
		return "nothing fails"
	}
	return f.text
}

// A tally counts what was compared.
type tally struct {
	count
	shapes map[string]*count
}

// A count counts pairs of a cached read and a change.
type count struct {
	pairs     int
	unchanged int // pairs whose answer is the same before and after
	hits      int // those of them in which the cache knew
}

func newTally() *tally { return &tally{shapes: make(map[string]*count)} }

func (n *tally) add(shape string, unchanged, hit bool) {
	of := n.shapes[shape]
	if of == nil {
		of = new(count)
		n.shapes[shape] = of
	}
	for _, c := range []*count{&n.count, of} {
		c.pairs++
		if unchanged {
			c.unchanged++
		}
		if unchanged && hit {
			c.hits++
		}
	}
}

func (n *tally) String() string {
	var shares []string
	for _, shape := range slices.Sorted(maps.Keys(n.shapes)) {
		c := n.shapes[shape]
		shares = append(shares, fmt.Sprintf("%s %.0f %%", shape, 100*float64(c.hits)/float64(max(1, c.unchanged))))
	}
	return fmt.Sprintf("%d pairs, %d answers unchanged, %d of them hits; %s", n.pairs, n.unchanged, n.hits, strings.Join(shares, ", "))
}
