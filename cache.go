package unstale

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/ledger"
)

// Defaults of Options.
const (
	DefaultPrefix  = "unstale"
	DefaultTTL     = 300 * time.Second
	DefaultMaxBody = 8 << 20
)

// Options configure a Cache. The zero value is useful: every answer made from a
// captured database is cached for 300 seconds at most, in 256 MiB of memory, and
// requests that carry credentials are not cached.
type Options struct {
	// Off switches the cache off: Handler returns its argument, Load calls its
	// function, adapters register no hooks. Only Identity goes on to work.
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

	// Identity tells who asks: the same string for requests that may see the same
	// answers, "" for nobody. It is given the request as it came. It runs at most
	// once per request, only where somebody wants to know, and what it reads with
	// the request's context is tracked: what was answered to an identity falls
	// when what the identity was found from changes. An error means unknown: it is
	// logged, Identity(ctx) is "" and the answer is not stored.
	//
	// Without it, requests that carry credentials are not cached.
	Identity func(*http.Request) (string, error)

	// Credentials names request fields that say who asks, besides Authorization,
	// Cookie, those of well-known proxies, and every field whose name contains auth,
	// cert, jwt, password, secret, session, signature or token. A fill does not see
	// them, and without Identity a request that has one is not cached.
	Credentials []string

	// SelectFields names request fields whose values keep answers apart whether or
	// not an answer says so in Vary, by their exact names. Every field that nobody
	// knows does so anyway. Name one here that would else select by Vary alone, such
	// as Accept-Language, or one that only sounds like a credential, such as
	// X-Author.
	SelectFields []string

	// IgnoreFields names request fields that no answer depends on, such as a
	// device's id: by exact name, or by a beginning and "*", as in "X-Acme-*". Fills
	// see them, those of whichever client came first; Vary still counts. Ids of
	// common tracers, proxies and CDNs are known. A credential cannot be ignored.
	IgnoreFields []string

	// IgnoreCookies names cookies that never matter, such as those of analytics, by
	// exact name, or by a beginning and "*", as in "_ga_*". A request with no other
	// cookies counts as one without.
	IgnoreCookies []string

	// NeutralContextKeys are keys of context values, put there outside the cache,
	// that no answer depends on, such as a logger. A fill that looks at any other
	// value from outside counts as asking who asks. Keys of common routers and of
	// common tracing libraries are neutral; the listener, which net/http puts there,
	// keeps answers apart where a fill looks at it.
	NeutralContextKeys []any

	// Route names the route of a request, for Policies and for statistics: a
	// handful of names, never the path itself. On a hit no router runs, so it has
	// to look at the request itself. Default: every route is "".
	Route func(*http.Request) string

	// Policies by route name. Routes that are not listed are on.
	Policies map[string]Policy

	// IfModifiedSince lets If-Modified-Since alone be answered with 304. Two
	// versions may share a second, so it is off by default; entity tags are always
	// answered.
	IfModifiedSince bool

	// VerifyShare is the share of hits, from 0 (none, the default) to 1, that are
	// recomputed beside: after the answer the handler runs once more, as in a fill
	// and for the same identity, and what it answers is compared with what was
	// served. A difference, although nothing that the entry is known to depend on
	// has changed, means an input that nobody declared; it is counted in
	// Stats.Verified and logged, and the entry falls with the results of Load that
	// it was made from, which are computed anew for the comparison. Calls of Load
	// outside of a handler are not verified.
	//
	// Date and fields that are not stored are not compared. Answers that may be out
	// of date for a while, by ExpireAfter or by Policy.TTL alone, are not drawn.
	// What stands behind a tag differs until Invalidate is called. At most two
	// recomputations run at a time, for at most a minute; hits drawn beyond that are
	// skipped. A GET must be free of side effects for this.
	VerifyShare float64

	// Slots is the size of the table of dependencies, rounded up to a power of
	// two. Two dependencies in one slot fall together. Default 2^22, which take 36
	// MiB.
	Slots int

	// History is how many of the latest changes, and of the latest misses, are
	// remembered for Explain. Each takes some hundred bytes, one of many rows a few
	// thousand; entries take eight more bytes for each dependency. Default 4096. A
	// negative number switches it off.
	History int

	// ExplainTo says who may see what caused a miss, in the detail of
	// Cache-Status: names of tables, columns and routes, and values of keys, which
	// may be personal. It runs where there is something to see, with a context that
	// belongs to no fill and in which Identity knows who asks. What it lets see may
	// be kept with the answer by caches downstream. Default: nobody.
	ExplainTo func(*http.Request) bool

	// Logger receives what an operator should know. Default slog.Default().
	Logger *slog.Logger
}

// A Policy is what is particular about a route.
type Policy struct {
	Mode Mode
	// TTL takes the place of Options.TTL. With it set, even an answer about which
	// nothing is known is stored, for that long: the operator says that it may be.
	TTL time.Duration
	// StoreErrors stores answers with any final status that bound their own life by
	// max-age, s-maxage or Expires, a 503 with max-age=5 for instance; but never 206,
	// 226, 304, 401, 407, 416, 428, 429, 431 and 511. Without it, of all errors only
	// 402, 403, 404, 409, 410, 423 and 424 are stored.
	//
	// It shields a handler that fails, and makes a passing error last for its
	// lifetime. Where a handler gives a lifetime to errors that a single request can
	// provoke, by a field that Vary does not name, whoever sends such a request has
	// the error served to everybody.
	StoreErrors bool
}

// Mode says what the cache does on a route.
type Mode uint8

// The modes of a Policy.
const (
	On         Mode = iota // cache
	Off                    // let every request pass
	ReportOnly             // run the handler every time, and count what would have been a hit
)

// Cache is the engine: the ledger of what changed, the store of what was
// answered, and the way of a request between them. All methods may be called
// concurrently.
type Cache struct {
	options   Options
	fields    *fieldClasses
	digests   *digests
	layout    requestLayout
	apart     *apart
	servers   servers
	unstored  *unstored
	hitTexts  *hitTexts
	unnamed   atomic.Uint64 // calls of Handler
	native    atomic.Value  // reflect.Type of the ResponseWriter of net/http that was seen last
	logger    *slog.Logger
	seed      maphash.Seed
	ledger    *ledger.Ledger
	store     Store
	databases databases
	flights   flights
	sweeper   sweeper
	stats     stats
	reports   reports
	history   *history

	verifications *verifications // nil: none

	unmarked  unmarked
	openFills atomic.Int64 // len(unmarked.fills)
}

// New returns a cache, or an error that names the option at fault.
func New(o Options) (*Cache, error) {
	o.Policies = maps.Clone(o.Policies)
	for _, list := range []*[]string{&o.Credentials, &o.SelectFields, &o.IgnoreFields, &o.IgnoreCookies} {
		*list = slices.Clone(*list)
	}
	o.NeutralContextKeys = slices.Clone(o.NeutralContextKeys)
	if err := o.complete(); err != nil {
		return nil, err
	}
	c := &Cache{options: o, logger: o.Logger, store: o.Store, seed: maphash.MakeSeed()}
	c.fields, c.digests, c.layout, c.apart = newFieldClasses(&o), newDigests(), newRequestLayout(), newApart()
	c.unstored, c.hitTexts = newUnstored(), newHitTexts()
	if o.Off {
		c.ledger = ledger.New(1) // for Identity, which still works
		return c, nil
	}
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
	c.verifications = newVerifications(o.VerifyShare)
	return c, nil
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
		"TTL": int64(o.TTL), "MaxBytes": o.MaxBytes, "MaxBody": o.MaxBody, "Slots": int64(o.Slots),
	} {
		if value < 0 {
			return fmt.Errorf("unstale: Options.%s is negative", name)
		}
	}
	if err := checkShare(o.VerifyShare); err != nil {
		return err
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
	if err := o.checkFields(); err != nil {
		return err
	}
	for _, key := range o.NeutralContextKeys {
		if key == nil || !reflect.TypeOf(key).Comparable() {
			return fmt.Errorf("unstale: Options.NeutralContextKeys: a %T is no key of a context value", key)
		}
	}
	for route, p := range o.Policies {
		if p.Mode > ReportOnly {
			return fmt.Errorf("unstale: Options.Policies[%q].Mode is %d, which is no mode", route, p.Mode)
		}
		if p.TTL < 0 {
			return fmt.Errorf("unstale: Options.Policies[%q].TTL is negative", route)
		}
	}
	if o.Route == nil {
		for route := range o.Policies {
			if route != "" {
				return fmt.Errorf("unstale: Options.Policies[%q] without Options.Route", route)
			}
		}
		o.Route = func(*http.Request) string { return "" }
	}
	o.TTL = orDefault(o.TTL, DefaultTTL)
	if o.History == 0 {
		o.History = DefaultHistory
	}
	o.MaxBytes = orDefault(o.MaxBytes, DefaultMaxBytes)
	o.MaxBody = orDefault(o.MaxBody, DefaultMaxBody)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

func orDefault[T time.Duration | int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Enabled reports whether the cache is switched on. It is false for a nil Cache.
func (c *Cache) Enabled() bool { return c != nil && !c.options.Off }

// Close ends background work, waits for it, and closes the store if it is an io.Closer.
// Requests must have ended. Closing twice is fine.
func (c *Cache) Close() error {
	if !c.Enabled() {
		return nil
	}
	c.verifications.close()
	c.sweeper.close()
	if s, ok := c.store.(io.Closer); ok {
		return s.Close()
	}
	return nil
}

// raiseFloor invalidates everything.
func (c *Cache) raiseFloor(ch *Change) {
	c.history.add(c.ledger.RaiseFloor(), ch)
	c.stats.invalidation(ch.Cause, 1)
	c.logger.Debug("unstale: everything invalidated", slog.String("cause", ch.Cause))
}
