package checker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A run is one check under way.
type run struct {
	config Config
	start  time.Time
	keys   []*key
	pairs  []*pair       // of keys, if reads show two
	halt   chan struct{} // closed when the workers are to end
	ending sync.Once

	reads, hits, failed, left      atomic.Int64
	acknowledged, unknown, refused atomic.Int64
	histories, together, undecided atomic.Int64
	lastAnswer                     atomic.Int64 // time of it, since the start
	worst                          atomic.Int64 // age of the worst stale answer
	counts                         [kinds]atomic.Int64

	mu      sync.Mutex
	first   [kinds]*Violation
	failure error // of the last request that failed
	gaveUp  error
}

// Run checks a service until the configuration's end, or until ctx ends, and
// reports what it found. An error means that nothing could be checked; the
// report is nil then.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.complete(); err != nil {
		return nil, &UsageError{err}
	}
	r := &run{config: c, start: time.Now(), halt: make(chan struct{})}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if c.Prepared != nil {
		c.Prepared()
	}
	started := time.Now()
	r.lastAnswer.Store(int64(time.Since(r.start)))
	if c.Duration > 0 {
		defer time.AfterFunc(c.Duration, r.end).Stop()
	}
	defer context.AfterFunc(ctx, r.end)()

	var workers, others sync.WaitGroup
	done := make(chan struct{})
	for i := range c.Concurrency {
		workers.Go(func() { r.work(ctx, i) })
	}
	if c.Histories > 0 {
		others.Go(func() { r.sample(ctx, done) })
	}
	others.Go(func() { r.watch(done) })
	workers.Wait()
	close(done)
	others.Wait()
	if r.gaveUp != nil {
		return nil, r.gaveUp
	}
	if r.reads.Load() == 0 {
		return nil, fmt.Errorf("no read was answered: %w", r.lastFailure())
	}
	return r.report(time.Since(started)), nil
}

// A UsageError says that the configuration makes no sense.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.err }

func (r *run) end() { r.ending.Do(func() { close(r.halt) }) }

func (r *run) ended() bool {
	select {
	case <-r.halt:
		return true
	default:
		return false
	}
}

// prepare learns where the versions of each key begin, writes the first one of
// this run, and sees whether it can be read.
func (r *run) prepare(ctx context.Context) error {
	c := &client{timeout: r.config.Timeout}
	defer c.close()
	// Of a key alone: two may not be there because one of them is not.
	first := r.config.Reads[slices.IndexFunc(r.config.Reads, func(read Request) bool { return !read.showsOther() })]
	for id := range r.config.Keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, err := r.newKey(id)
		if err != nil {
			return err
		}
		r.keys = append(r.keys, k)
		a, err := c.send(ctx, first, filling{key: k.name, user: r.user(0)}, stays)
		if err != nil {
			return fmt.Errorf("the service cannot be reached: %w", err)
		}
		if _, greatest, err := versions(a, k.version); err == nil && greatest != absent {
			k.sent.Store(greatest)
		}
		if err := r.write(ctx, c, 0, k, stays); err != nil {
			return fmt.Errorf("writing the first version of key %d: %w", id, err)
		}
	}
	if slices.ContainsFunc(r.config.Reads, Request.showsOther) {
		r.pairs = couple(r.keys)
		for _, k := range r.keys {
			var err error
			if k.other, err = r.config.Other.of(k.name, k.pair.beside(k).name); err != nil {
				return err
			}
		}
	}
	for _, read := range r.config.Reads {
		err := r.probe(ctx, c, read)
		// An answer from before the write is what we are here to find, not an error.
		for ; err != nil && ctx.Err() == nil && time.Since(r.start) < r.config.Timeout; err = r.probe(ctx, c, read) {
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", read.Method, read.URL, err)
		}
	}
	return nil
}

func (r *run) newKey(id int) (_ *key, err error) {
	k := &key{id: id, name: strconv.Itoa(id)}
	if len(r.config.Names) > 0 {
		k.name = r.config.Names[id]
	}
	k.version, err = r.config.Version.of(k.name, "")
	return k, err
}

// probe sees whether a read of the first key shows a version.
func (r *run) probe(ctx context.Context, c *client, read Request) error {
	k, f := r.keys[0], filling{key: r.keys[0].name, user: r.user(0)}
	if read.showsOther() {
		f.other = k.pair.beside(k).name
	}
	a, err := c.send(ctx, read, f, stays)
	if err != nil {
		return err
	}
	v, _, err := versions(a, k.version)
	if err == nil && read.showsOther() {
		_, _, err = versions(a, k.other)
	}
	if err != nil || v != absent {
		return err
	}
	return fmt.Errorf("its first version was acknowledged, but %w", statusError(a))
}

// versions returns the least and the greatest version that e finds in an answer.
// That there is no such key is an answer, too.
func versions(a answer, e Extractor) (least, greatest int64, err error) {
	switch a.status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return absent, absent, nil
	default:
		return 0, 0, statusError(a)
	}
	least, greatest, n, err := e.versions(a.body)
	if err == nil && n == 0 {
		err = fmt.Errorf("no version at %s: %s", e, excerpt(a.body))
	}
	return least, greatest, err
}

func (r *run) user(n int) User {
	if len(r.config.Users) == 0 {
		return User{}
	}
	return r.config.Users[n%len(r.config.Users)]
}

// work asks until the run ends.
func (r *run) work(ctx context.Context, worker int) {
	rng := rand.New(rand.NewPCG(r.config.Seed, uint64(worker)))
	zipf := rand.NewZipf(rng, 1.1, 1, uint64(len(r.keys)-1))
	c := &client{timeout: r.config.Timeout}
	defer c.close()
	for pause := time.Duration(0); !r.ended(); {
		k := r.keys[zipf.Uint64()]
		stay := stays
		if rng.Float64() < r.config.Leave {
			stay = sends + patience(rng.IntN(2))
		}
		var err error
		if rng.Float64() < r.config.Writes && k.writing.TryLock() {
			err = r.write(ctx, c, worker, k, stay)
			k.writing.Unlock()
		} else {
			err = r.read(ctx, c, worker, k, rng.IntN(len(r.config.Reads)), r.user(rng.IntN(max(1, len(r.config.Users)))), stay)
		}
		switch {
		case err == nil:
			pause = 0
			r.lastAnswer.Store(int64(time.Since(r.start)))
		case errors.Is(err, errLeft) || ctx.Err() != nil:
		default:
			r.note(err)
			pause = min(max(2*pause, time.Millisecond), 50*time.Millisecond)
			select {
			case <-time.After(pause):
			case <-r.halt:
			}
		}
	}
}

// write writes the next version of a key, which the caller has to himself.
func (r *run) write(ctx context.Context, c *client, worker int, k *key, stay patience) error {
	version := k.sent.Load() + 1
	k.begin(op{worker: worker, write: true, start: time.Since(r.start), key: k.id, version: version})
	a, err := c.send(ctx, r.config.Write, filling{key: k.name, version: version}, stay)
	what := unknown
	switch {
	case err != nil:
		r.unknown.Add(1)
	case a.status >= 200 && a.status < 300:
		what = acknowledged
		r.acknowledged.Add(1)
	case a.status >= 400 && a.status < 500:
		what = refused
		r.refused.Add(1)
		err = statusError(a)
	default:
		r.unknown.Add(1)
		err = statusError(a)
	}
	k.wrote(time.Since(r.start), what)
	return err
}

// read reads a key, or one and its neighbour, and judges the answer.
func (r *run) read(ctx context.Context, c *client, worker int, k *key, which int, user User, stay patience) error {
	request := r.config.Reads[which]
	b := k.bar()
	o := op{worker: worker, key: k.id, source: request.URL}
	f := filling{key: k.name, user: user}
	var other *key
	var beside bar
	if request.showsOther() {
		other = k.pair.beside(k)
		f.other, beside = other.name, other.bar()
	}
	o.start = time.Since(r.start)
	a, err := c.send(ctx, request, f, stay)
	var least, greatest, least2, greatest2 int64
	if err == nil {
		least, greatest, err = versions(a, k.version)
	}
	if err == nil && other != nil {
		least2, greatest2, err = versions(a, k.other)
	}
	if err != nil {
		if errors.Is(err, errLeft) {
			r.left.Add(1)
		} else {
			r.failed.Add(1)
		}
		return err
	}
	o.end, o.hit = time.Since(r.start), a.hit
	if kind := r.stranger(a.body, k, user); kind != Fine {
		o.kind, o.version = kind, least
		r.violated(k, o, b)
	} else {
		o2 := o
		if o = k.read(o, b, least, greatest); o.kind != Fine {
			r.violated(k, o, b)
		}
		if other != nil {
			o2.key = other.id
			if o2 = other.read(o2, beside, least2, greatest2); o2.kind != Fine {
				r.violated(other, o2, beside)
			} else if o.kind == Fine {
				k.pair.read(o, o2)
			}
		}
	}
	if a.hit && r.hits.Add(1) == r.config.MaxHits {
		r.end()
	}
	if r.reads.Add(1) == r.config.MaxReads {
		r.end()
	}
	return nil
}

// stranger says whether an answer is about another key, or for somebody else.
func (r *run) stranger(body []byte, k *key, user User) (kind Kind) {
	if !r.config.Key.empty() {
		r.config.Key.find(body, func(got string) {
			if got != k.name {
				kind = OtherKey
			}
		})
	}
	if !r.config.Owner.empty() {
		r.config.Owner.find(body, func(got string) {
			if got != user.Name {
				kind = OtherOwner
			}
		})
	}
	return kind
}

// violated counts a wrong answer.
func (r *run) violated(k *key, o op, b bar) {
	if o.kind == Stale {
		raise(&r.worst, int64(k.age(o.version, o.start)))
	}
	r.found(o.kind, func() *Violation {
		ops, _ := k.history()
		return &Violation{Kind: o.kind, Keys: []int{k.id}, bad: o, bar: b, ops: ops}
	})
}

// found counts a violation, and keeps the first of each kind with what led to it.
func (r *run) found(kind Kind, violation func() *Violation) {
	if r.counts[kind].Add(1) > 1 {
		return
	}
	v := violation()
	if r.config.First {
		r.end()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first[kind] = v
}

func (r *run) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err
}

func (r *run) lastFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// watch tells how far the run is, and gives up when nobody answers any longer.
func (r *run) watch(done <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	before := int64(0)
	for n := 1; ; n++ {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if silent := time.Since(r.start) - time.Duration(r.lastAnswer.Load()); silent > 2*r.config.Timeout && !r.ended() {
			r.gaveUp = fmt.Errorf("no answer for %s: %w", silent.Round(100*time.Millisecond), r.lastFailure())
			r.end()
			return
		}
		if r.config.Enough != nil && r.config.Enough(r.reads.Load(), r.hits.Load()) {
			r.end()
		}
		if n%10 == 0 && r.config.Progress != nil {
			before = r.progress(before)
		}
	}
}

// progress prints a line and returns the number of reads in it.
func (r *run) progress(before int64) int64 {
	reads := r.reads.Load()
	fmt.Fprintf(r.config.Progress, "%4.0f s  %d reads (%d/s), %d from a cache, %d writes, %d wrong\n", time.Since(r.start).Seconds(),
		reads, reads-before, r.hits.Load(), r.acknowledged.Load(), r.wrong())
	return reads
}

// wrong returns the number of violations so far.
func (r *run) wrong() (n int64) {
	for i := range r.counts {
		n += r.counts[i].Load()
	}
	return n
}

func statusError(a answer) error {
	return fmt.Errorf("status %d: %s", a.status, excerpt(a.body))
}

// excerpt is the beginning of a body on one line.
func excerpt(body []byte) string {
	const most = 120
	if len(body) > most {
		return fmt.Sprintf("%q…", body[:most])
	}
	return fmt.Sprintf("%q", body)
}
