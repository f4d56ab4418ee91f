package main

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestResidents runs the measurement with small stores: as many entries are
// resident as it says, and each kind of invalidation has a figure.
func TestResidents(t *testing.T) {
	t.Parallel()
	r, err := runResidents(context.Background(), &settings{connections: 2, roundTime: 20 * time.Millisecond}, []int{hotItems, 2 * hotItems}, 2)
	if err != nil {
		t.Fatal(err)
	}
	r.append(r)
	for i := range r.sizes {
		for _, c := range []cost{r.write[i], r.tag[i], r.pattern[i], r.sweep[i], r.few[i], r.spread[i], r.fewPile[i], r.spreadPile[i]} {
			if len(c.wall) != 4 || c.wall.quantile(0) <= 0 || len(c.processor) != 4 {
				t.Errorf("%d entries: %+v", r.sizes[i], r)
			}
		}
		for _, s := range []series{r.fewHTTP[i], r.spreadHTTP[i]} {
			if len(s) != 4 || s.quantile(0) <= 0 {
				t.Errorf("%d entries: %v over HTTP", r.sizes[i], s)
			}
		}
		if r.ready[i].Bytes == 0 || r.ready[i].Memory == 0 {
			t.Errorf("%+v", r.ready[i])
		}
	}
}

// TestResidence notices an invalidation that does not happen, and entries that
// are missing.
func TestResidence(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "items.db")
	if err := makeItems(context.Background(), database, hotItems); err != nil {
		t.Fatal(err)
	}
	r, err := newResidence(database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.warm(0, 3); err != nil {
		t.Fatal(err)
	}
	if err := r.warm(hotItems, 1); err != nil {
		t.Errorf("items are chosen beyond those that are hot: %v", err)
	}
	r.entries = 10
	if err := r.fell(0, 3); err == nil {
		t.Error("entries that nobody invalidated count as fallen")
	}
	reply, err := r.round(residentRound{Writes: 3, Tags: 3, Patterns: 3})
	if err != nil || reply.Entries != 10 {
		t.Errorf("%+v %v", reply, err)
	}
	if err := r.hits(residentRound{Hits: 100}, reply); err != nil || reply.Few.Wall <= 0 || reply.Spread.Wall <= 0 {
		t.Errorf("%+v %v", reply, err)
	}
	_ = r.db.Close() // so that what is not there cannot be made
	r.entries = 20
	if err := r.hits(residentRound{Hits: 100}, reply); err == nil {
		t.Error("a hit where there is no entry")
	}
	if err := hitsInProcess(newPile(5), 10, residentRound{Hits: 100}, reply); err == nil {
		t.Error("a hit where the pile has nothing")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	if got := sizes(1_000_000); !slices.Equal(got, []int{1_000, 10_000, 100_000, 1_000_000}) {
		t.Error(got)
	}
	if got := sizes(hotItems); !slices.Equal(got, []int{hotItems}) {
		t.Error(got)
	}
}
