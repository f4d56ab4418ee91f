package store

import (
	"context"
	"time"

	"github.com/unstale/unstale"
)

// watchInterval is how long it takes at most until whoever waits for a change hears of
// one that was made elsewhere.
const watchInterval = time.Second

// watch wakes whoever waits for a change when messages have changed through another
// notebook, or by whomever, until ctx ends. It asks the database, which knows of all
// notebooks, and only while somebody waits. What fails is asked again: whoever waits looks
// for themselves now and then.
func (s *Store) watch(ctx context.Context) {
	ctx = unstale.Outside(ctx)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	last := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !s.changed.awaited() {
			continue
		}
		var changes int64
		err := s.db.QueryRowContext(ctx, `SELECT coalesce(sum(changes), 0) + count(*) FROM message_changes`).Scan(&changes)
		if err == nil && changes != last {
			last = changes
			s.changed.raise()
		}
	}
}
