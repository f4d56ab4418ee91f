package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// TestShared checks that what open returns keeps the contract of unstale.SharedStore. open
// is called once for each subtest; the store must be empty, and have room for some MiB.
// What it needs to be closed it registers with t.Cleanup.
func TestShared(t *testing.T, open func(t *testing.T) unstale.SharedStore) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s unstale.SharedStore)
	}{
		{"get", testSharedGet},
		{"lifetime", testSharedLifetime},
		{"context", testSharedContext},
		{"concurrent", testSharedConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func set(t *testing.T, s unstale.SharedStore, key string, value []byte, ttl time.Duration) {
	t.Helper()
	if err := s.Set(t.Context(), key, value, ttl); err != nil {
		t.Fatalf("Set(%q) of %d bytes: %v", key, len(value), err)
	}
}

func wantShared(t *testing.T, s unstale.SharedStore, key string, value []byte) {
	t.Helper()
	switch got, err := s.Get(t.Context(), key); {
	case err != nil:
		t.Errorf("Get(%q): %v", key, err)
	case value == nil && got != nil:
		t.Errorf("Get(%q) returned %d bytes, and there are none", key, len(got))
	case value != nil && (got == nil || !bytes.Equal(got, value)):
		t.Errorf("Get(%q) returned %d bytes, want %d", key, len(got), len(value))
	}
}

func testSharedGet(t *testing.T, s unstale.SharedStore) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	wantShared(t, s, "a", nil)
	set(t, s, "a", every, time.Hour)
	set(t, s, "b", []byte("b"), time.Hour)
	wantShared(t, s, "a", every)
	wantShared(t, s, "b", []byte("b"))
	wantShared(t, s, "A", nil)
	set(t, s, "a", []byte("again"), time.Hour)
	wantShared(t, s, "a", []byte("again"))
	long := make([]byte, 3<<20)
	for i := range long {
		long[i] = byte(rand.Uint32())
	}
	set(t, s, "long", long, time.Hour)
	wantShared(t, s, "long", long)
	value := []byte("value")
	set(t, s, "own", value, time.Hour)
	value[0] = 'x' // it is the caller's
	wantShared(t, s, "own", []byte("value"))
}

// What has a lifetime ends by itself. How soon is the store's affair.
func testSharedLifetime(t *testing.T, s unstale.SharedStore) {
	set(t, s, "short", []byte("x"), 20*time.Millisecond)
	set(t, s, "long", []byte("x"), time.Hour)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if b, err := s.Get(t.Context(), "short"); err == nil && b == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not end")
		}
	}
	wantShared(t, s, "long", []byte("x"))
}

func testSharedContext(t *testing.T, s unstale.SharedStore) {
	set(t, s, "a", []byte("x"), time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Get(ctx, "a")
		_ = s.Set(ctx, "b", []byte("x"), time.Hour)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it does not return when the context has ended")
	}
	wantShared(t, s, "a", []byte("x"))
}

// Under concurrent use no key shows another one's value, nor part of one.
func testSharedConcurrent(t *testing.T, s unstale.SharedStore) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for round := range 100 {
				key := fmt.Sprint("key ", (w+round)%5)
				if round%3 == 0 {
					if err := s.Set(t.Context(), key, bytes.Repeat([]byte(key), 1+round*10), time.Hour); err != nil {
						t.Errorf("Set: %v", err)
					}
				} else if b, err := s.Get(t.Context(), key); err != nil || len(b)%len(key) != 0 || !bytes.Equal(b, bytes.Repeat([]byte(key), len(b)/len(key))) {
					t.Errorf("Get(%q): %d bytes, %v", key, len(b), err)
				}
			}
		})
	}
	wg.Wait()
}
