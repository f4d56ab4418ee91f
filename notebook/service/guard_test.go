package service

import (
	"strconv"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := newGuard(func() time.Time { return now })
	for n := range notebook.MaxFailedLogins {
		if here, _ := g.try("eve", "ann"); here {
			t.Errorf("%d wrong ones keep a client out", n)
		}
	}
	if here, _ := g.try("eve", "ann"); !here {
		t.Error("a client guesses on")
	}
	for _, other := range [][2]string{{"bob", "ann"}, {"eve", "bob"}, {"eve\x00", "ann"}} {
		if here, everywhere := g.try(other[0], other[1]); here || everywhere {
			t.Errorf("%q is kept from %q", other[0], other[1])
		}
		g.takeBack(other[0], other[1])
	}
	now = now.Add(notebook.LockDuration)
	if here, _ := g.try("eve", "ann"); here {
		t.Error("a lock does not end")
	}
	g.forget("eve", "ann")
	// Many clients together.
	for n := range notebook.MaxFailedLoginsOfAll {
		if _, everywhere := g.try(strconv.Itoa(n), "ann"); everywhere {
			t.Fatalf("after %d", n)
		}
	}
	if _, everywhere := g.try("another", "ann"); !everywhere {
		t.Error("clients guess on together")
	}
	g.forget("another", "ann")
	if _, everywhere := g.try("another", "ann"); !everywhere {
		t.Error("one who comes in lets the others guess on")
	}
	g.forgive("ann")
	if _, everywhere := g.try("third", "ann"); everywhere {
		t.Error("nobody can end it")
	}
}

func TestGuardIsBounded(t *testing.T) {
	t.Parallel()
	g := newGuard(time.Now)
	for n := range 4 * maxGuessed {
		g.try("eve", strconv.Itoa(n))
	}
	if n := len(g.recent) + len(g.older); n > maxGuessed {
		t.Errorf("%d are remembered", n)
	}
}
