package peer

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/invalidation"
)

func TestMain(m *testing.M) {
	harness.Play(Role, invalidation.Role) // the test binary is its own processes
	goleak.VerifyTestMain(m)
}

// TestHits runs the hits of those that need nothing installed for a moment:
// they answer the same body, without their handlers.
func TestHits(t *testing.T) {
	t.Parallel()
	names := []string{kindBare, kindGin, kindFiber, kindUnstale}
	res, err := runHits(context.Background(), &harness.Settings{Connections: 2, Seed: 1, Round: 5 * time.Millisecond}, names, 2, times{lifetime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if f := res[i]; len(f.Rate) != 2 || f.Rate.Median() <= 0 || f.Processor.Median() <= 0 || f.Requests == 0 {
			t.Errorf("%s: %+v", name, res[i])
		}
	}
}

// TestInvalidations fills small stores; each way makes sure itself that what
// it invalidated was there and is made anew.
func TestInvalidations(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "items.db")
	if err := invalidation.MakeItems(t.Context(), database, invalidation.HotItems); err != nil {
		t.Fatal(err)
	}
	var ways []string
	left, dropped, err := invalidations(t.Context(), &harness.Settings{Seed: 1}, []string{kindGin, kindFiber, kindUnstale}, invalidation.HotItems, 2, database,
		times{lifetime: time.Second, fill: time.Minute}, func(w string, c harness.Cost) {
			ways = append(ways, w)
			if len(c.Wall) != 2 || c.Wall.Median() <= 0 {
				t.Errorf("%s: %+v", w, c)
			}
		})
	if err != nil || len(left) != 3 || len(dropped) != 0 {
		t.Fatalf("left %q, dropped %q, %v", left, dropped, err)
	}
	for _, want := range []string{"gin-cache, all keys that match", "unstale, captured UPDATE of a row"} {
		if !slices.Contains(ways, want) {
			t.Errorf("%q lacks %q", ways, want)
		}
	}
}

// TestTooSlow: who cannot be filled in time is left out, and the rest goes on.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	_, dropped, err := invalidations(t.Context(), &harness.Settings{Seed: 1}, []string{kindGin}, invalidation.HotItems, 1, "", times{}, func(string, harness.Cost) {})
	if err != nil || !slices.Equal(dropped, []string{kindGin}) {
		t.Errorf("dropped %q, %v", dropped, err)
	}
}

// TestRaces: the race is one that a cache can lose, and ours does not.
func TestRaces(t *testing.T) {
	t.Parallel()
	for _, r := range races() {
		if r.peer != kindGin && r.peer != kindFiber && r.peer != kindUnstale {
			continue // these need something installed
		}
		res, err := runRace(t.Context(), &harness.Settings{Seed: 1}, r, 2, times{lifetime: time.Second})
		if err != nil {
			t.Errorf("%s: %v", r.peer, err)
		}
		want := res.rounds
		if r.peer == kindUnstale {
			want = 0
		}
		if res.rounds != 2 || res.stale != want {
			t.Errorf("%s: %d rounds, %d of them stale", r.peer, res.rounds, res.stale)
		}
	}
}
