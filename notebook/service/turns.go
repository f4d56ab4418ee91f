package service

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

// turnWait is how long somebody waits for their turn.
const turnWait = 10 * time.Second

// turns bound how many do at once what costs much. Full while as many do as may.
type turns chan struct{}

func newTurns(atOnce int) turns { return make(turns, atOnce) }

// take waits for a turn, which lasts until done is called. It fails with
// notebook.ErrBusy where the wait is too long, and with the context's error once
// the client has left.
func (t turns) take(ctx context.Context) (done func(), err error) {
	wait := time.NewTimer(turnWait)
	defer wait.Stop()
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-wait.C:
		return nil, notebook.ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
