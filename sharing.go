package unstale

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/clock"
)

// sharing is what a cache needs to share its entries: a shared store with a bound on what it may
// cost, the keys that follow from the secret, and entries on their way to the store.
type sharing struct {
	Sharing
	engine  *engine
	context [32]byte // tells programs, deployments and formats apart
	keys    [32]byte // by which keys are made of names
	names   [32]byte // likewise, hashes
	hashKey [16]byte // of databases
	sealer  *sealer

	gets, sets breaker
	offers     chan offer
	ctx        context.Context // of sets
	cancel     context.CancelFunc
	work       sync.WaitGroup
	closing    sync.Once
}

type sharedCounters struct {
	asked, found, taken, refused, late, failed, stored, dropped atomic.Uint64
}

// maxOffers bounds the entries on their way to the store.
const maxOffers = 256

// formatOfShared changes whenever what is stored means something else than before.
const formatOfShared = 1

// check checks the options and fills in defaults.
func (s *Sharing) check() error {
	switch {
	case s.Store == nil:
		return errors.New("unstale: Options.Sharing without a Store")
	case len(s.Secret) < 32:
		return errors.New("unstale: Options.Sharing.Secret has less than 32 bytes")
	case s.Wait < 0:
		return errors.New("unstale: Options.Sharing.Wait is negative")
	case s.MaxBytes < 0:
		return errors.New("unstale: Options.Sharing.MaxBytes is negative")
	}
	s.Wait = orDefault(s.Wait, DefaultSharedWait)
	if s.MaxBytes == 0 {
		s.MaxBytes = DefaultSharedMaxBytes
	}
	return nil
}

// newSharing begins to share the entries of an engine.
func newSharing(c *engine, o Sharing) (*sharing, error) {
	build := "version " + o.Version
	if o.Version == "" {
		var err error
		if build, err = ownBinary(); err != nil {
			return nil, fmt.Errorf("unstale: Options.Sharing without a Version: %w", err)
		}
	}
	s := &sharing{Sharing: o, engine: c, offers: make(chan offer, maxOffers)}
	// Options by which two processes would not mean the same.
	what := fmt.Sprintf("%q %q %q %d %v", build, o.Deployment, c.options.Prefix, c.ledger.Slots(), c.options.AttributeByGoroutine)
	for _, key := range c.options.NeutralContextKeys {
		what += fmt.Sprintf(" %T", key)
	}
	s.context = s.derive(fmt.Sprint("format ", formatOfShared, " ", what))
	s.keys, s.names = s.derive("keys"), s.derive("names")
	hashes := s.derive("hashes")
	s.hashKey = [16]byte(hashes[:16])
	s.sealer = newSealer(s.derive("seals"), s.context, o.MaxBytes)
	s.gets = breaker{what: "asked", engine: c}
	s.sets = breaker{what: "given entries", engine: c}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.give)
	return s, nil
}

// derive returns a key that follows from the secret.
func (s *sharing) derive(what string) (key [32]byte) {
	m := hmac.New(sha256.New, s.Secret)
	_, _ = m.Write([]byte("unstale sharing: " + what))
	return [32]byte(m.Sum(nil))
}

// ownBinary tells the program that runs from all others. On Linux what is read is what
// runs, though another file may have its name by now.
func ownBinary() (string, error) {
	if runtime.GOOS != "linux" {
		return "", errors.New("what runs cannot be read here")
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return "binary " + hex.EncodeToString(h.Sum(nil)), nil
}

// hash is engine.hash for all who share: 64 bits of a keyed hash.
func (s *sharing) hash(kind byte, name string) uint64 {
	b := append(append(s.names[:len(s.names):len(s.names)], kind), name...)
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:8])
}

// storeKey returns the name under which the shared store has what memory has under key.
// Nobody reads from it what that is.
func (s *sharing) storeKey(key string) string {
	m := hmac.New(sha256.New, s.keys[:])
	_, _ = m.Write(s.context[:])
	_, _ = m.Write([]byte(key))
	return s.engine.options.Prefix + ":" + base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// follows returns the one source of which entries may be shared, or nil.
func (s *sharing) follows() (src *source) {
	for _, other := range s.engine.sources.all() {
		if other.positioned == nil || other.closed.Load() {
			continue
		}
		if src != nil {
			return nil
		}
		src = other
	}
	return src
}

// An offer is an entry on its way to the shared store.
type offer struct {
	key      string
	entry    *Entry
	position []byte
	slots    int // of the entry, without wholes
}

// offer gives an entry to the shared store, some time. It is called when the entry has been stored in
// memory.
func (s *sharing) offer(key string, e *Entry) {
	o := offer{key: key, entry: e}
	if e.kind != kindSignpost {
		src := s.follows()
		l := e.lineage
		if src == nil || l == nil || l.alone || l.taken || e.ages || e.passing || e.kind == kindPass {
			return
		}
		slots := e.record.Slots // sorted, so that wholes are last
		for o.slots = len(slots); o.slots > 0 && s.engine.ledger.IsWhole(slots[o.slots-1]); o.slots-- {
			if slots[o.slots-1] != src.whole {
				return // it depends on something that others do not hear of
			}
		}
		var ok bool
		if o.position, ok = src.positioned.Position(e.record.AsOf, l.made); !ok {
			return
		}
		// Position says as of which schema things are now. If the entry was not made by that,
		// it is not valid any more.
		if s.engine.judge(e, clock.Now()) != missNone {
			return
		}
	}
	select {
	case s.offers <- o:
	default:
		s.count().dropped.Add(1)
	}
}

// give gives offers to the store.
func (s *sharing) give() {
	for {
		select {
		case o := <-s.offers:
			s.set(&o)
		case <-s.ctx.Done():
			return
		}
	}
}

// setWithin bounds how long an entry takes to the store.
const setWithin = time.Second

func (s *sharing) set(o *offer) {
	now := clock.Now()
	ttl := s.engine.options.TTL // of a signpost
	if o.entry.kind != kindSignpost {
		ttl = o.entry.remaining(now)
	}
	if ttl < time.Millisecond {
		return
	}
	if !s.sets.allows(time.Now()) {
		s.count().dropped.Add(1)
		return
	}
	name := s.storeKey(o.key)
	sealed, ok := s.sealer.seal(name, encodeEntry(o.entry, o.slots, o.position, now), !o.entry.encoded())
	if !ok {
		s.count().dropped.Add(1)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, setWithin)
	defer cancel()
	err := safely(func() error { return s.Store.Set(ctx, name, sealed, ttl) })
	if s.ctx.Err() != nil {
		return
	}
	s.sets.report(err, time.Now())
	if err != nil {
		s.count().failed.Add(1)
		return
	}
	s.count().stored.Add(1)
}

// safely calls f. A panic is an error.
func safely(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("unstale: the shared store panicked: %v", v)
		}
	}()
	return f()
}

// encoded reports whether the body has a coding of its own.
func (e *Entry) encoded() bool {
	for i := range e.header {
		if e.header[i].name == "Content-Encoding" && e.header[i].value != "identity" {
			return true
		}
	}
	return false
}

// close ends what is on its way.
func (s *sharing) close() (err error) {
	s.closing.Do(func() {
		s.cancel()
		s.work.Wait()
		if store, ok := s.Store.(io.Closer); ok {
			err = store.Close()
		}
		s.sealer.close()
	})
	return err
}

// count returns the counters.
func (s *sharing) count() *sharedCounters { return &s.engine.stats.load().shared }

func (c *sharedCounters) snapshot() SharedStats {
	return SharedStats{
		Asked: c.asked.Load(), Found: c.found.Load(), Taken: c.taken.Load(), Refused: c.refused.Load(),
		Late: c.late.Load(), Failed: c.failed.Load(), Stored: c.stored.Load(), Dropped: c.dropped.Load(),
	}
}
