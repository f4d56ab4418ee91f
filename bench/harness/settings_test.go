package harness

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestInterleave(t *testing.T) {
	t.Parallel()
	order := ""
	if err := Interleave(context.Background(), 3, 3, func(i int) error { order += fmt.Sprint(i); return nil }); err != nil || order != "012210012" {
		t.Errorf("%q %v", order, err)
	}
	broken := errors.New("broken")
	if err := Interleave(context.Background(), 3, 3, func(int) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Interleave(ctx, 1, 1, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
