package unstale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"
)

// Defaults of Options.
const (
	DefaultPrefix  = "unstale"
	DefaultTTL     = 300 * time.Second
	DefaultMaxBody = 8 << 20
	// DefaultJoinWait is longer than most services let a request last.
	DefaultJoinWait = 30 * time.Second
)

// Options configure a Cache. The zero value is useful: every answer made from a
// captured database is cached for 300 seconds at most, in 256 MiB of memory.
type Options struct {
	// Off switches the cache off: Handler returns its argument, Load calls its
	// function, adapters register no hooks. Only HandlerOptions.Identity goes on to
	// work.
	Off bool

	// Prefix starts every key, and is put before every Key and Pattern given to
	// Invalidate. Default "unstale". Letters, digits, "-", ".", "_" and "~".
	Prefix string

	// TTL bounds the life of an answer that does not bound it itself, by
	// Cache-Control or Expires. Truth does not depend on it. Default 300 s.
	TTL time.Duration

	// MaxBytes bounds the default store. Default 256 MiB. It is refused beside
	// Store.
	MaxBytes int64

	// MaxBody is the size in bytes above which a body is not stored but streamed
	// through. Default 8 MiB.
	MaxBody int64

	// Store keeps the entries. Default a Memory store of MaxBytes.
	Store Store

	// Sharing has entries shared with other processes on the same database. Default: none.
	Sharing *Sharing

	// NeutralContextKeys are keys of context values, put there outside the cache,
	// that no answer depends on, such as a logger, and that may be used when their
	// request has ended. A fill that looks at any other
	// value from outside counts as asking who asks. Keys of common routers and of
	// common tracing libraries are neutral; the listener, which net/http puts there,
	// keeps answers apart where a fill looks at it.
	NeutralContextKeys []any

	// AttributeByGoroutine attributes statements without a context to the answer whose
	// handler runs on their goroutine, or on one that started theirs, and to no other
	// that is being made meanwhile: labels of the profiler, which goroutines inherit,
	// tell which. Others count for all, as without it. It is wrong where one request's
	// goroutine reads for another: a pool of workers that a request starts, or
	// singleflight among requests. A handler that sets labels of its own (pprof.Do)
	// loses those of the goroutines that it starts.
	AttributeByGoroutine bool

	// LookWait bounds how long a request waits until a [Source] has caught up that its
	// answer is made from and that does not answer at once. The time that the route's
	// fills take now bounds it, too, if that is longer. Who finds a look under way waits
	// for that one as long before. Then the handler runs. Default 20 ms.
	LookWait time.Duration

	// WeighLooks has a request pass, "cheaper than asking", where that is measured to be
	// cheaper: what the handler takes, beside what it takes to ask the [Source] that a
	// stored answer is made from, shared by those who ask at the same time, and to store
	// answers that do not hold. Sources that answer at once, such as a SQLite file, are
	// not weighed. Without it a stored answer is served whenever its sources vouch for it.
	WeighLooks bool

	// JoinWait bounds how long a request, or a call of Load, waits for somebody else's
	// fill of what it wants; its own deadline does, too. Then it makes one of its own,
	// as without the cache, so that nobody waits for ever whose fill waits in turn for
	// something that they hold and the cache knows nothing of. Default 30 s.
	JoinWait time.Duration

	// Slots is the size of the table of dependencies, rounded up to a power of
	// two. Two dependencies in one slot fall together. Default 2^22, which take 36
	// MiB.
	Slots int

	// History is how many of the latest changes, and of the latest misses, are
	// remembered for Explain. Each takes some hundred bytes, one of many rows a few
	// thousand; entries take eight more bytes for each dependency. Default 4096. A
	// negative number switches it off.
	History int

	// Logger receives what an operator should know. Default slog.Default(), as it is
	// when there is something to say.
	Logger *slog.Logger
}

// complete checks the options and fills in defaults.
func (o *Options) complete() error {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	for i := range len(o.Prefix) {
		if !unreserved(o.Prefix[i]) {
			return fmt.Errorf("unstale: Options.Prefix %q: only letters, digits, '-', '.', '_' and '~'", o.Prefix)
		}
	}
	if o.Prefix == "http" {
		return errors.New(`unstale: Options.Prefix "http" could not be told from the keys of responses`)
	}
	for name, value := range map[string]int64{
		"TTL": int64(o.TTL), "LookWait": int64(o.LookWait), "JoinWait": int64(o.JoinWait), "MaxBytes": o.MaxBytes, "MaxBody": o.MaxBody, "Slots": int64(o.Slots),
	} {
		if value < 0 {
			return fmt.Errorf("unstale: Options.%s is negative", name)
		}
	}
	if o.Slots > 1<<30 {
		return errors.New("unstale: Options.Slots is above 2^30")
	}
	if o.History > maxHistory {
		return fmt.Errorf("unstale: Options.History is above %d", maxHistory)
	}
	if o.Store != nil && o.MaxBytes != 0 {
		return errors.New("unstale: Options.MaxBytes bounds the default store and is no use beside Options.Store")
	}
	if o.Sharing != nil {
		s := *o.Sharing
		if err := s.check(); err != nil {
			return err
		}
		o.Sharing = &s
	}
	for _, key := range o.NeutralContextKeys {
		if key == nil || !reflect.TypeOf(key).Comparable() {
			return fmt.Errorf("unstale: Options.NeutralContextKeys: a %T is no key of a context value", key)
		}
	}
	o.TTL = orDefault(o.TTL, DefaultTTL)
	o.LookWait = orDefault(o.LookWait, DefaultLookWait)
	o.JoinWait = orDefault(o.JoinWait, DefaultJoinWait)
	if o.History == 0 {
		o.History = DefaultHistory
	}
	o.MaxBytes = orDefault(o.MaxBytes, DefaultMaxBytes)
	o.MaxBody = orDefault(o.MaxBody, DefaultMaxBody)
	if o.Logger == nil {
		o.Logger = slog.New(defaultHandler{})
	}
	return nil
}

// defaultHandler is the handler of slog.Default() at the time of each record. Programs
// set that when they start, often after they made their cache.
type defaultHandler struct{}

func (defaultHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return slog.Default().Enabled(ctx, level)
}

func (defaultHandler) Handle(ctx context.Context, r slog.Record) error {
	return slog.Default().Handler().Handle(ctx, r)
}

func (defaultHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return slog.Default().Handler().WithAttrs(attrs)
}

func (defaultHandler) WithGroup(name string) slog.Handler {
	return slog.Default().Handler().WithGroup(name)
}

func orDefault[T time.Duration | int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
