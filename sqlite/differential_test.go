package sqlite

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/sqlgen"
)

var (
	differentialPairs    = flag.Int("differential.pairs", 10_000, "pairs of a cached read and a change that TestDifferential makes")
	differentialSeed     = flag.Uint64("differential.seed", 2, "seed of TestDifferential; 0 picks one")
	differentialFirst    = flag.Uint64("differential.first", 0, "index of the first case of TestDifferential")
	differentialMinimise = flag.Duration("differential.minimise", 30*time.Second, "how long TestDifferential makes a failing case smaller")
)

// differentialSize is that of a random case: many pairs for one database.
var differentialSize = sqlgen.Size{Reads: 30, Changes: 24}

// TestDifferential makes random databases, caches what random queries return,
// and after each random change demands that what the cache still gives is what
// the database now returns: the rows, their order, the values and their types.
func TestDifferential(t *testing.T) {
	t.Parallel()
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-differential.seed=%d", seed)
	start, total := time.Now(), newTally()
	for i := *differentialFirst; total.pairs < *differentialPairs; i++ {
		c := sqlgen.New(seed, i, differentialSize)
		s := settingOf(i)
		f := play(t, c, s, total)
		if f == nil {
			continue
		}
		t.Errorf("-differential.seed=%d -differential.first=%d %+v\n%s\nof %s", seed, i, s, f, c)
		small := minimise(t, c, s, f, *differentialMinimise)
		t.Fatalf("made smaller: %s\nto be kept in keptCases:\n%s", play(t, small, s, newTally()), small)
	}
	t.Logf("%s; %.0f pairs/s", total, float64(total.pairs)/time.Since(start).Seconds())
	if total.hits*100 < total.unchanged*leastHits {
		t.Errorf("%d hits where %d answers had not changed: the test shows little", total.hits, total.unchanged)
	}
	if total.pairs-total.unchanged < total.pairs/50 {
		t.Errorf("%d of %d answers changed: the test shows little", total.pairs-total.unchanged, total.pairs)
	}
}

// leastHits is the share of hits, in percent of the answers that a change did
// not change, below which TestDifferential has no answers to be wrong about.
const leastHits = 20

// TestDifferentialKept plays what TestDifferential once found.
func TestDifferentialKept(t *testing.T) {
	t.Parallel()
	for name, c := range keptCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range uint64(16) {
				total := newTally()
				if f := play(t, &c, settingOf(i), total); f != nil {
					t.Errorf("%+v: %s", settingOf(i), f)
				}
				if total.pairs == total.unchanged {
					t.Error("no answer changes, so none can be stale")
				}
			}
		})
	}
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
	var shares, never []string
	for _, shape := range slices.Sorted(maps.Keys(n.shapes)) {
		c := n.shapes[shape]
		if c.hits == 0 {
			never = append(never, shape)
		}
		shares = append(shares, fmt.Sprintf("%s %.0f %%", shape, 100*float64(c.hits)/float64(max(1, c.unchanged))))
	}
	return fmt.Sprintf("%d pairs, %d answers unchanged, %d of them hits; %s; never hit: %q", n.pairs, n.unchanged, n.hits, strings.Join(shares, ", "), never)
}
