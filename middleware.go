package unstale

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// HandlerOptions say what is particular about some of a service's handlers. The
// zero value is what [Cache.Handler] uses: requests that carry credentials are not
// cached.
type HandlerOptions struct {
	// Name makes the handlers of one name one to the cache, as often as they are
	// built, and in whichever process: each may answer for the other. It is for
	// frameworks that build a handler for each request. Without it, no two handlers
	// answer for each other.
	Name string

	// Identity tells who asks: the same string for requests that may see the same
	// answers, "" for nobody. It is given the request as it came. It runs at most
	// once per request, only where somebody wants to know, and what it reads with
	// the request's context is tracked: what was answered to an identity falls
	// when what the identity was found from changes. An error means unknown: it is
	// logged, Identity(ctx) is "" and the answer is not stored.
	//
	// Fills do not see the request's credentials, so that handlers have to ask
	// [Identity]. One that reads them itself is found out: as long as a route is not
	// known (see docs/consistency.md), a request with credentials is answered by a run
	// that sees them, and its answer is kept as by ByCredentials; where the handler
	// answers otherwise without them, that is logged, and remains so.
	//
	// Without it, requests that carry credentials are not cached, unless ByCredentials
	// or Policy.Shared says how.
	Identity func(*http.Request) (string, error)

	// ByCredentials takes the place of Identity where handlers read credentials
	// themselves, as most do. It names cookies and request fields ("session",
	// "Authorization"; "Cookie" is all cookies). Handlers see these, and the answer to
	// a request is kept for requests with exactly the same, or with none. Other
	// credentials nobody sees in a fill. What a handler finds in a database is tracked
	// as always; an end that it checks by a clock is not seen, so that such answers live
	// for CredentialTTL at most, and never beyond the "exp" of a JSON Web Token among
	// the credentials (RFC 7519). Identity(ctx) returns a digest of them.
	ByCredentials []string

	// CredentialTTL bounds the life of answers that are kept for exactly the
	// credentials of their request. Default 60 s.
	CredentialTTL time.Duration

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

	// Route names the route of a request, for Policies and for statistics: a
	// handful of names, never the path itself. On a hit no router runs, so it has
	// to look at the request itself. Default: every route is "".
	Route func(*http.Request) string

	// Policies by route name.
	Policies map[string]Policy

	// Policy is that of routes that Policies does not list. The zero value caches.
	Policy Policy

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
	// skipped, as are those of a handler that looked at a context value from outside
	// which may end with its request, such as a router's. A GET must be free of side effects for this.
	VerifyShare float64

	// ExplainTo says who may see what caused a miss, in the detail of
	// Cache-Status: names of tables, columns and routes, and values of keys, which
	// may be personal. It runs where there is something to see, with a context that
	// belongs to no fill and in which Identity knows who asks. What it lets see may
	// be kept with the answer by caches downstream. Default: nobody.
	ExplainTo func(*http.Request) bool

	// Verify, if set, is for tests: each time a stored response is about to be
	// served, the handler runs as well, as a fill would, and Verify is called if it
	// answers something else although the stored response is still valid. What it
	// takes from Load is computed anew for it, too. Verify may be called from several
	// requests at once. A GET must be free of side effects for this.
	Verify func(Difference)
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
	// Shared declares that whoever asks is given the same answer, unless its handler
	// asks [Identity]. Without it, a request with credentials is never given an answer
	// whose handler did not ask. Handlers of the route see no credentials while they
	// fill, and requests that carry some are cached although nobody says who asks.
	Shared bool
	// DropSetCookie names cookies that do not keep an answer out of the cache: it is
	// stored without them, and only the request for which the handler ran is given
	// them. One that deletes the cookie is not stored. It is for session middleware that
	// sends its cookie again with each answer. A page that needs the cookie which came
	// with it, as a form with a token does, is not for it. Nor is a cookie that says who
	// asks and is another one with each answer: what is kept for exactly the former is
	// not stored ("credential renewed").
	DropSetCookie []string
	// Within lets answers of the route be as old as that: one is served without a new
	// look if every [Source] that it is made from, and that does not answer at once, has
	// answered one that was sent no longer ago. Without it, the default, every answer is
	// strict. It concerns answers that are for all, found in the store: those that depend on
	// who asks are strict, and so is Load. It spares a round trip, and keeps a route served for
	// so long where a source does not answer. What answers at once, as SQLite does, is always
	// asked. Cache-Status says how long ago the look was; RouteStats.Bounded counts.
	Within time.Duration
}

// Mode says what the cache does on a route.
type Mode uint8

// The modes of a Policy.
const (
	ModeOn         Mode = iota // cache
	ModeOff                    // let every request pass
	ModeReportOnly             // run the handler every time, and count what would have been a hit
)

// A middleware is what a handler was told, and what follows from it.
type middleware struct {
	HandlerOptions
	front  *front
	realm  string // of the middlewares by which who asks has one meaning
	fields *fieldClasses
	shown  shownCredentials
}

func (c *front) newMiddleware(o HandlerOptions) *middleware {
	m := &middleware{HandlerOptions: o, front: c, fields: newFieldClasses(&o), shown: newShownCredentials(o.ByCredentials)}
	if m.shown.named {
		m.Identity = m.identityByCredentials
	}
	m.claim()
	if m.realm = "named " + o.Name; o.Name == "" {
		m.realm = "unnamed " + strconv.FormatUint(c.middlewares.Add(1), 10)
	}
	return m
}

// wrap returns the handler that caches what next answers.
func (m *middleware) wrap(next http.Handler) http.Handler {
	switch {
	case m.front.enabled() && m.Name == "":
		n := m.front.unnamed.Add(1)
		return &handler{middleware: m, next: next, id: "unnamed " + strconv.FormatUint(n, 10), unproven: n > maxUnnamed}
	case m.front.enabled():
		return &handler{middleware: m, next: next, id: m.realm + m.sharedMeaning()}
	case m.Identity != nil:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, m.front.outside(r, newClient(m, r, "")))
		})
	default:
		return next
	}
}

// sharedMeaning tells handlers of one name apart that do not mean the same by what they
// store. It matters between processes, which may be configured differently.
func (m *middleware) sharedMeaning() string {
	if m.front.sharing == nil {
		return ""
	}
	return fmt.Sprintf("\x00%v %q %v %q %q %q %q %+v %+v", m.Identity != nil, m.ByCredentials, m.CredentialTTL, m.Credentials,
		m.SelectFields, m.IgnoreFields, m.IgnoreCookies, m.Policies, m.Policy)
}

// claim says which routes are not strict.
func (m *middleware) claim() {
	say := func(route string, p Policy) {
		if p.Within > 0 && p.Mode == ModeOn && m.front.enabled() {
			m.front.logger.Info("unstale: answers of a route that are for all may be as old as its Policy.Within says; answers of other routes are strict",
				slog.String("route", route), slog.Duration("within", p.Within))
		}
	}
	say("", m.Policy)
	for _, route := range slices.Sorted(maps.Keys(m.Policies)) {
		say(route, m.Policies[route])
	}
}

// maxUnnamed is how many handlers without a name are believed to be there for
// good. Of those that come later, one that serves a single request leaves nothing
// behind.
const maxUnnamed = 64

// complete checks the options and fills in defaults.
func (o *HandlerOptions) complete() error {
	if err := o.checkFields(); err != nil {
		return err
	}
	if err := o.checkByCredentials(); err != nil {
		return err
	}
	if !(o.VerifyShare >= 0 && o.VerifyShare <= 1) {
		return fmt.Errorf("unstale: HandlerOptions.VerifyShare is %v, which is no share from 0 to 1", o.VerifyShare)
	}
	if err := o.Policy.check("HandlerOptions.Policy"); err != nil {
		return err
	}
	for route, p := range o.Policies {
		where := fmt.Sprintf("HandlerOptions.Policies[%q]", route)
		if o.Route == nil && route != "" {
			return fmt.Errorf("unstale: %s without HandlerOptions.Route", where)
		}
		if err := p.check(where); err != nil {
			return err
		}
	}
	if o.Route == nil {
		o.Route = func(*http.Request) string { return "" }
	}
	return nil
}

// check returns an error that names the field at fault of the policy that stands
// there, if one is.
func (p Policy) check(where string) error {
	switch {
	case p.Mode > ModeReportOnly:
		return fmt.Errorf("unstale: %s.Mode is %d, which is no mode", where, p.Mode)
	case p.TTL < 0:
		return fmt.Errorf("unstale: %s.TTL is negative", where)
	case p.Within < 0:
		return fmt.Errorf("unstale: %s.Within is negative", where)
	}
	for _, name := range p.DropSetCookie {
		if !fieldName(name) {
			return fmt.Errorf("unstale: %s.DropSetCookie: %q is no cookie name", where, name)
		}
	}
	return nil
}

// policyOf returns the policy of a route.
func (o *HandlerOptions) policyOf(route string) Policy {
	if p, listed := o.Policies[route]; listed {
		return p
	}
	return o.Policy
}
