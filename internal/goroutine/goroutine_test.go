package goroutine_test

import (
	"context"
	"runtime/pprof"
	"testing"

	"github.com/unstale/unstale/internal/goroutine"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	ask := func() goroutine.Mark {
		c := make(chan goroutine.Mark)
		go func() { go func() { c <- goroutine.Current() }() }()
		return <-c
	}
	none := goroutine.Current()
	a, b := goroutine.New("a"), goroutine.New("a")
	if a == b || a == none || goroutine.Current() != none {
		t.Fatalf("%v, %v, %v", a, b, none)
	}
	a.Run(func() {
		if goroutine.Current() != a || ask() != a {
			t.Error("not marked, or what it starts is not")
		}
		b.Run(func() {
			if ask() != b {
				t.Error("not marked within")
			}
		})
		if goroutine.Current() != a {
			t.Error("the outer mark is gone")
		}
		func() {
			defer func() { _ = recover() }()
			b.Run(func() { panic("stop") })
		}()
		if goroutine.Current() != a {
			t.Error("a panic left a mark")
		}
		pprof.Do(context.Background(), pprof.Labels("of", "a user"), func(context.Context) {
			if goroutine.Current() == a {
				t.Error("labels of others are taken for ours")
			}
		})
	})
	if goroutine.Current() != none || ask() != none {
		t.Error("marked still")
	}
}

func BenchmarkCurrent(b *testing.B) {
	for b.Loop() {
		_ = goroutine.Current()
	}
}
