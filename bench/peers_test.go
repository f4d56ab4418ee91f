package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPeerHits runs the hits of those that need nothing installed for a moment:
// they answer the same body, without their handlers.
func TestPeerHits(t *testing.T) {
	t.Parallel()
	names := []string{kindBare, kindGin, kindFiber, kindUnstale}
	res, err := runPeerHits(context.Background(), &settings{connections: 2, seed: 1}, names, 2, peerTimes{round: 5 * time.Millisecond, lifetime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if len(res[i].rate) != 2 || res[i].rate.median() <= 0 || res[i].processor.median() <= 0 || res[i].requests == 0 {
			t.Errorf("%s: %+v", name, res[i])
		}
	}
}

// TestPeerInvalidations fills small stores; each way makes sure itself that what
// it invalidated was there and is made anew.
func TestPeerInvalidations(t *testing.T) {
	t.Parallel()
	database, err := makeItemsIn(t.Context(), t.TempDir(), hotItems)
	if err != nil {
		t.Fatal(err)
	}
	var ways []string
	left, dropped, err := peerInvalidations(t.Context(), &settings{seed: 1}, []string{kindGin, kindFiber, kindUnstale}, hotItems, 2, database,
		peerTimes{lifetime: time.Second, fill: time.Minute}, func(w string, c cost) {
			ways = append(ways, w)
			if len(c.wall) != 2 || c.wall.median() <= 0 {
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

// TestPeerTooSlow: who cannot be filled in time is left out, and the rest goes on.
func TestPeerTooSlow(t *testing.T) {
	t.Parallel()
	_, dropped, err := peerInvalidations(t.Context(), &settings{seed: 1}, []string{kindGin}, hotItems, 1, "", peerTimes{}, func(string, cost) {})
	if err != nil || !slices.Equal(dropped, []string{kindGin}) {
		t.Errorf("dropped %q, %v", dropped, err)
	}
}

// TestPeerRaces: the race is one that a cache can lose, and ours does not.
func TestPeerRaces(t *testing.T) {
	t.Parallel()
	for _, r := range races() {
		if r.peer != kindGin && r.peer != kindFiber && r.peer != kindUnstale {
			continue // these need something installed
		}
		res, err := runRace(t.Context(), &settings{seed: 1}, r, 2, peerTimes{lifetime: time.Second})
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

// TestDaemon starts a program that says nothing, and one that is not there.
func TestDaemon(t *testing.T) {
	t.Parallel()
	var dir string
	_, err := startDaemon(t.Context(), "false", func(d, _ string) ([]string, error) { dir = d; return nil, nil })
	if err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory: %v", err)
	}
	if _, err := startDaemon(t.Context(), "no-such-program", func(string, string) ([]string, error) { return nil, nil }); err == nil {
		t.Error("a program that is not there has started")
	}
}
