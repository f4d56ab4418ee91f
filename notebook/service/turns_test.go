package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale/notebook"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, start := newTurns(1), time.Now()
		done, err := turns.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := turns.take(t.Context()); !errors.Is(err, notebook.ErrBusy) || time.Since(start) != turnWait {
			t.Errorf("the second: %v after %v", err, time.Since(start))
		}
		left, leave := context.WithCancel(t.Context())
		leave()
		if _, err := turns.take(left); !errors.Is(err, context.Canceled) {
			t.Errorf("who has left: %v", err)
		}
		done()
		if done, err = turns.take(t.Context()); err != nil {
			t.Fatalf("the next: %v", err)
		}
		done()
	})
}
