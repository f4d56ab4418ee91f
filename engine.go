package unstale

import (
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/ledger"
)

// An engine judges and remembers: what was stored and what it was made of, fills
// under way, what has changed, and those who tell. Of HTTP it knows nothing.
type engine struct {
	options  Options
	digests  *digests
	unstored *unstored
	logger   *slog.Logger
	seed     maphash.Seed
	ledger   *ledger.Ledger
	store    Store
	sources  sources
	flights  flights
	sweeper  sweeper
	stats    stats
	reports  reports
	history  *history
	watch    watch
	sharing  *sharing // nil: no entry is shared

	fellAside atomic.Uint64 // the sequence number with which everything fell last that others do not hear of

	everybody holdings // of all but functions given to Load in the course of no request
	nobody    holdings // whose context carries no mark

	unmarked  unmarked
	openFills atomic.Int64 // len(unmarked.fills)
}

// newEngine returns an engine with complete options.
func newEngine(o Options) (*engine, error) {
	c := &engine{watch: watch{ended: make(chan struct{})}, options: o, logger: o.Logger, store: o.Store, seed: maphash.MakeSeed(), digests: newDigests(), unstored: newUnstored()}
	if o.Off {
		c.ledger = ledger.New(1) // for Identity, which still works
		return c, nil
	}
	c.sources.since = time.Now()
	c.ledger = ledger.New(o.Slots)
	c.history = newHistory(o.History)
	if c.store == nil {
		memory, err := NewMemory(o.MaxBytes)
		if err != nil {
			return nil, err
		}
		c.store = memory
	}
	c.sweeper.work = c.sweep
	if o.Sharing != nil {
		s, err := newSharing(c, *o.Sharing)
		if err != nil {
			return nil, err
		}
		c.sharing, c.digests.secret = s, s.derive("digests"+string(s.context[:]))
	}
	return c, nil
}

// enabled reports whether the cache is switched on.
func (c *engine) enabled() bool { return !c.options.Off }

// close ends background work, waits for it, and closes the store if it is an
// io.Closer.
func (c *engine) close() error {
	c.watch.end()
	err := c.sources.close()
	c.sweeper.close()
	if c.sharing != nil {
		err = errors.Join(err, c.sharing.close())
	}
	if s, ok := c.store.(io.Closer); ok {
		err = errors.Join(err, s.Close())
	}
	return err
}

// raiseFloor invalidates everything.
func (c *engine) raiseFloor(ch *Change) {
	c.ledger.MarkAll() // until it is known that others have not heard of it
	seq := c.ledger.RaiseFloor()
	c.fellAside.Store(seq)
	c.ledger.ReleaseAll()
	c.history.add(seq, ch)
	c.watch.changed(ch)
	c.stats.invalidation(ch.Cause, 1)
	c.logger.Debug("unstale: everything invalidated", slog.String("cause", ch.Cause))
}
