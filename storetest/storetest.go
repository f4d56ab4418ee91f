// Package storetest holds the contract of unstale.Store as a test, for those who
// write one.
package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
)

// TestStore checks that what open returns keeps the contract of unstale.Store.
// open is called once for each subtest; the store must be empty, separate from
// those before it, and bounded by maxBytes, which is 256 KiB or more. What it
// needs to be closed it registers with t.Cleanup.
func TestStore(t *testing.T, open func(t *testing.T, maxBytes int64) unstale.Store) {
	t.Helper()
	const room = 64 << 20 // enough for everything that a subtest sets
	for _, test := range []struct {
		name     string
		maxBytes int64
		run      func(t *testing.T, s unstale.Store)
	}{
		{"get", room, testGet},
		{"replace", room, testReplace},
		{"delete", room, testDelete},
		{"range", room, testRange},
		{"stats", room, testStats},
		{"bounded", 256 << 10, testBounded},
		{"oversized", 256 << 10, testOversized},
		{"model", 256 << 10, testModel},
		{"concurrent", 256 << 10, testConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t, test.maxBytes)) })
	}
}

// entry makes an entry with a body of n bytes, as the engine makes them: no
// other code can.
func entry(t *testing.T, n int) *unstale.Entry {
	t.Helper()
	c := &catcher{}
	cache, err := unstale.New(unstale.Options{Store: c, MaxBody: 1 << 30, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cache.Close() }() // which closes the store, a catcher
	_, err = unstale.Load(context.Background(), cache, "entry", func(ctx context.Context) (string, error) {
		unstale.DependOn(ctx, "tag")
		return strings.Repeat("x", n), nil
	})
	if err != nil || c.last == nil {
		t.Fatalf("no entry made: %v", err)
	}
	return c.last
}

// catcher is a Store that shows what it was given.
type catcher struct{ last *unstale.Entry }

func (c *catcher) Get(string) *unstale.Entry               { return nil }
func (c *catcher) Set(_ string, e *unstale.Entry)          { c.last = e }
func (c *catcher) Delete(string)                           {}
func (c *catcher) Range(func(string, *unstale.Entry) bool) {}
func (c *catcher) Stats() unstale.StoreStats               { return unstale.StoreStats{} }
func key(i int) string                                     { return fmt.Sprint("unstale:http:GET a.example /", i) }

func want(t *testing.T, s unstale.Store, key string, e *unstale.Entry) {
	t.Helper()
	if got := s.Get(key); got != e {
		t.Errorf("Get(%q) returned %p, want %p", key, got, e)
	}
}

func testGet(t *testing.T, s unstale.Store) {
	a, b := entry(t, 10), entry(t, 10)
	want(t, s, "a", nil)
	s.Set("a", a)
	s.Set("", b)
	want(t, s, "a", a) // the very entry, not a copy
	want(t, s, "", b)
	for _, other := range []string{"A", "a ", "a\n", "a\x00", "aa", "\xff"} {
		want(t, s, other, nil)
	}
	long := strings.Repeat("k", 10_000)
	s.Set(long+"1", a)
	s.Set(long+"2", b)
	want(t, s, long+"1", a)
	want(t, s, long+"2", b)
}

func testReplace(t *testing.T, s unstale.Store) {
	for i := range 100 {
		e := entry(t, i*10)
		s.Set("a", e)
		want(t, s, "a", e)
	}
	if n := s.Stats().Entries; n != 1 {
		t.Errorf("%d entries under one key", n)
	}
}

func testDelete(t *testing.T, s unstale.Store) {
	a, b := entry(t, 10), entry(t, 10)
	s.Delete("a") // nothing there
	s.Set("a", a)
	s.Set("b", b)
	s.Delete("a")
	want(t, s, "a", nil)
	want(t, s, "b", b)
	s.Set("a", b)
	want(t, s, "a", b)
}

func testRange(t *testing.T, s unstale.Store) {
	set := make(map[string]*unstale.Entry)
	for i := range 100 {
		set[key(i)] = entry(t, 10)
		s.Set(key(i), set[key(i)])
	}
	seen := make(map[string]bool)
	s.Range(func(k string, e *unstale.Entry) bool {
		if seen[k] {
			t.Errorf("Range saw %q twice", k)
		}
		if set[k] != e {
			t.Errorf("Range saw another entry under %q", k)
		}
		seen[k] = true
		s.Delete(k) // what the engine does with what was invalidated
		return true
	})
	if len(seen) != len(set) {
		t.Errorf("Range saw %d of %d entries", len(seen), len(set))
	}
	for k := range set {
		want(t, s, k, nil)
		s.Set(k, set[k])
	}
	n := 0
	s.Range(func(string, *unstale.Entry) bool { n++; return n < 7 })
	if n != 7 {
		t.Errorf("Range went on to %d although it was told to stop at 7", n)
	}
}

func testStats(t *testing.T, s unstale.Store) {
	if st := s.Stats(); st.Entries != 0 || st.Bytes != 0 {
		t.Errorf("empty: %+v", st)
	}
	var bytes int64
	for i := range 50 {
		e := entry(t, i*100)
		bytes += e.Size()
		s.Set(key(i), e)
	}
	if st := s.Stats(); st.Entries != 50 || st.Bytes != bytes || st.Evictions != 0 {
		t.Errorf("%+v, want 50 entries of %d bytes", st, bytes)
	}
	for i := range 50 {
		s.Delete(key(i))
	}
	if st := s.Stats(); st.Entries != 0 || st.Bytes != 0 || st.Evictions != 0 {
		t.Errorf("emptied: %+v", st)
	}
}

// held adds up what a store holds, by its own Range.
func held(s unstale.Store) (n int, bytes int64) {
	s.Range(func(_ string, e *unstale.Entry) bool {
		n++
		bytes += e.Size()
		return true
	})
	return n, bytes
}

func testBounded(t *testing.T, s unstale.Store) {
	const n = 2000
	for i := range n {
		s.Set(key(i), entry(t, i%3000))
		if i%100 == 0 {
			checkBound(t, s)
		}
	}
	checkBound(t, s)
	st := s.Stats()
	if st.Entries == 0 {
		t.Error("a store that keeps nothing is of no use")
	}
	if st.MaxBytes > 0 && st.Evictions != uint64(n-st.Entries) {
		t.Errorf("%d evictions, but %d of %d entries are held", st.Evictions, st.Entries, n)
	}
}

func checkBound(t *testing.T, s unstale.Store) {
	t.Helper()
	st := s.Stats()
	n, bytes := held(s)
	if st.MaxBytes > 0 && (st.Bytes > st.MaxBytes || bytes > st.MaxBytes) {
		t.Errorf("%d bytes by Stats and %d by Range, above %d", st.Bytes, bytes, st.MaxBytes)
	}
	if n != st.Entries || bytes != st.Bytes {
		t.Errorf("%d entries of %d bytes by Range, %d of %d by Stats", n, bytes, st.Entries, st.Bytes)
	}
}

// An entry that has no room is forgotten together with the one it replaces.
func testOversized(t *testing.T, s unstale.Store) {
	small, large := entry(t, 10), entry(t, 1<<20)
	s.Set("a", small)
	s.Set("a", large)
	if e := s.Get("a"); e == small {
		t.Error("the replaced entry came back")
	}
	if st := s.Stats(); st.MaxBytes > 0 && large.Size() > st.MaxBytes {
		want(t, s, "a", nil)
	}
	checkBound(t, s)
	s.Set("a", small)
	want(t, s, "a", small)
}

// Whatever is done to it, a store returns what was last set under a key, or
// nothing.
func testModel(t *testing.T, s unstale.Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	entries := make([]*unstale.Entry, 100)
	for i := range entries {
		entries[i] = entry(t, r.IntN(5000))
	}
	model := make(map[string]*unstale.Entry)
	for range 20_000 {
		k := key(r.IntN(300))
		switch r.IntN(10) {
		case 0:
			s.Delete(k)
			delete(model, k)
		case 1, 2, 3, 4:
			model[k] = entries[r.IntN(len(entries))]
			s.Set(k, model[k])
		default:
			if e := s.Get(k); e != nil && e != model[k] {
				t.Fatalf("Get(%q) returned what was not last set", k)
			}
		}
	}
	s.Range(func(k string, e *unstale.Entry) bool {
		if e != model[k] {
			t.Errorf("Range saw under %q what was not last set", k)
		}
		return true
	})
	checkBound(t, s)
}

// Under concurrent use no key ever shows another key's entry, or one that was
// replaced before by the only one who writes it.
func testConcurrent(t *testing.T, s unstale.Store) {
	const writers, keys, rounds = 4, 20, 500
	owner := make(map[*unstale.Entry]string)
	mine := make([][2]*unstale.Entry, writers*keys)
	for i := range mine {
		for j := range mine[i] {
			mine[i][j] = entry(t, 4000)
			owner[mine[i][j]] = key(i)
		}
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for round := range rounds {
				i := w*keys + round%keys
				e := mine[i][round/keys%2]
				s.Set(key(i), e)
				if got := s.Get(key(i)); got != nil && got != e {
					t.Errorf("its only writer read %p after it set %p", got, e)
				}
				if round%17 == 0 {
					s.Delete(key(i))
					if got := s.Get(key(i)); got != nil {
						t.Errorf("its only writer read %p after it deleted the key", got)
					}
				}
			}
		})
		wg.Go(func() {
			for round := range rounds {
				k := key(round * 7 % len(mine))
				if e := s.Get(k); e != nil && owner[e] != k {
					t.Errorf("Get(%q) returned the entry of %q", k, owner[e])
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			s.Range(func(k string, e *unstale.Entry) bool {
				if owner[e] != k {
					t.Errorf("Range saw the entry of %q under %q", owner[e], k)
				}
				return true
			})
			s.Stats()
		}
	})
	wg.Wait()
	checkBound(t, s)
}
