package invalidation

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
)

func TestMain(m *testing.M) {
	harness.Play(Role, MapRole) // the test binary is its own processes
	goleak.VerifyTestMain(m)
}

// TestRun runs the measurement with small stores: as many entries are resident as
// it says, and each kind of invalidation has a figure.
func TestRun(t *testing.T) {
	t.Parallel()
	all := []*measured{{size: HotItems, entries: HotItems}, {size: 2 * HotItems, entries: 2 * HotItems}}
	if err := run(context.Background(), &harness.Settings{Connections: 2, Round: 20 * time.Millisecond}, all, 2, Round{Writes: 20, Tags: 50, Patterns: 4, Hits: 200}); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		for _, c := range []harness.Cost{m.write, m.tag, m.pattern, m.sweep, m.few, m.spread, m.fewMap, m.spreadMap} {
			if len(c.Wall) != 2 || c.Wall.Quantile(0) <= 0 || len(c.Processor) != 2 {
				t.Errorf("%+v", m)
			}
		}
		for _, s := range []report.Series{m.fewHTTP, m.spreadHTTP} {
			if len(s) != 2 || s.Quantile(0) <= 0 {
				t.Errorf("%d entries: %v over HTTP", m.size, s)
			}
		}
		if m.ready.Bytes == 0 || m.ready.Memory == 0 {
			t.Errorf("%+v", m.ready)
		}
	}
}

// TestFull notices an invalidation that does not happen, and entries that are
// missing.
func TestFull(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "items.db")
	if err := MakeItems(context.Background(), database, HotItems); err != nil {
		t.Fatal(err)
	}
	f, err := newFull(database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := f.warm(0, 3); err != nil {
		t.Fatal(err)
	}
	if err := f.warm(HotItems, 1); err != nil {
		t.Errorf("items are chosen beyond those that are hot: %v", err)
	}
	f.entries = 10
	if err := f.fell(0, 3); err == nil {
		t.Error("entries that nobody invalidated count as fallen")
	}
	reply, err := f.round(Round{Writes: 3, Tags: 3, Patterns: 3, Hits: 100})
	if err != nil || reply.Entries != 10 || reply.Few.Wall <= 0 || reply.Spread.Wall <= 0 {
		t.Errorf("%+v %v", reply, err)
	}
	_ = f.DB.Close() // so that what is not there cannot be made
	f.entries = 20
	if _, err := f.round(Round{Hits: 100}); err == nil {
		t.Error("a hit where there is no entry")
	}
	if err := hits(newMap(5), 10, Round{Hits: 100}, reply); err == nil {
		t.Error("a hit where the map has nothing")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	if got := Sizes(1_000_000); !slices.Equal(got, []int{1_000, 10_000, 100_000, 1_000_000}) {
		t.Error(got)
	}
	if got := Sizes(HotItems); !slices.Equal(got, []int{HotItems}) {
		t.Error(got)
	}
}
