package unstale

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/adapter"
)

// An Advice says what keeps a route's requests from being hits, and what would
// change that.
type Advice struct {
	Route  string        // by HandlerOptions.Route
	Reason string        // as in Cache-Status
	Count  uint64        // requests that ran the handler for it
	Spent  time.Duration // by the handler, for them
	Remedy string        // in a clause
	At     string        // a statement, or a place in the program, that it was due to the last time; "" if nobody said
}

// bypassRemedies are remedies of requests that pass by the cache.
var bypassRemedies = map[string]string{
	bypassCredentials: "say who asks by HandlerOptions.Identity or ByCredentials, or declare the route Policy.Shared",
	bypassUnasked:     "ask Identity, or declare the route Policy.Shared",
	bypassStreams:     remedies[string(missPass)],
	bypassHandler:     "build the handler once, or give it a HandlerOptions.Name",
	bypassApart:       "name the field in HandlerOptions.IgnoreFields, if it never matters",
	bypassFields:      "name fields in HandlerOptions.IgnoreFields that never matter",

	// What a client asks for, or the operator.
	bypassRoute: "", bypassBody: "", bypassUpgrade: "", bypassOverride: "", bypassUncommitted: "", bypassNoStore: "",
	bypassPrecondition: "", bypassMethod: "", bypassConnection: "", bypassTarget: "", bypassHead: "", bypassRange: "",
	bypassRequest: "", bypassDeadline: "", bypassReport: "",

	// What costs more than it saves.
	bypassDear: "",
}

// adviceFor is remedyFor for requests that passed, too.
func adviceFor(reason string) string {
	if remedy, ok := bypassRemedies[reason]; ok {
		return remedy
	}
	return remedyFor(reason)
}

// neverAfter is how many answers of a route are not stored, and none is, before it
// is reported.
const neverAfter = 10

// refused counts an answer that was not stored, and how long the handler ran for
// it. It is due to a statement or a place in the program, or to nothing that is
// known.
func (c *front) refused(r *routeCounters, reason, because string, took time.Duration) {
	c.stats.refused(reason)
	l := r.refused.at(reason)
	l.n.Add(1)
	if because != "" {
		l.because.Store(&because)
	}
	c.spent(r, l, reason, took)
}

// refill counts an answer that was stored after a miss, and how long the handler
// ran for it. What was stored before fell because of a statement alone that is
// handled coarsely, if it is not nil.
func (r *routeCounters) refill(why miss, coarse *adapter.Origin, took time.Duration) {
	if r.stored.Add(1); why == missNone {
		return // in report-only mode it would have been a hit
	}
	counted := []*label{r.refilled.at(string(why))}
	if coarse != nil {
		reason := coarse.Coarse()
		l := r.coarse.at(coarse.Statement)
		l.because.Store(&reason)
		counted = append(counted, l)
	}
	for _, l := range counted {
		l.n.Add(1)
		l.spent.Add(int64(took))
	}
}

// spent notes how long the handler ran for a request that was not answered from
// what is stored, and left nothing. A route of which that is so each time is
// reported once.
func (c *front) spent(r *routeCounters, l *label, reason string, took time.Duration) {
	l.spent.Add(int64(took))
	if r.stored.Load()+r.hits.Load() > 0 || adviceFor(reason) == "" || r.missed.Add(1) != neverAfter {
		return
	}
	costly := r.advise()[0]
	attrs := []slog.Attr{slog.String("reason", costly.Reason), slog.String("remedy", costly.Remedy)}
	if costly.At != "" {
		attrs = append(attrs, slog.String("at", costly.At))
	}
	c.reportOnce(site{kindRoute, r.name}, "unstale: of a route nothing is ever stored", attrs...)
}

// advise returns what is known of one route, the most costly first: something, if
// spent has been told of a reason that has a remedy.
func (r *routeCounters) advise() (list []Advice) {
	for _, by := range [...]*labels{&r.refilled, &r.bypassed, &r.refused} {
		by.each(func(reason string, l *label) {
			reason = strings.TrimPrefix(reason, bypassUnstored)
			a := Advice{
				Route: r.name, Reason: reason, Count: l.n.Load(), Spent: time.Duration(l.spent.Load()), Remedy: adviceFor(reason), At: l.last(),
			}
			if a.Remedy == "" {
				return
			}
			if i := slices.IndexFunc(list, func(b Advice) bool { return b.Reason == reason }); i >= 0 {
				list[i].Count += a.Count
				list[i].Spent += a.Spent
				list[i].At = cmp.Or(list[i].At, a.At)
				return
			}
			list = append(list, a)
		})
	}
	r.coarse.each(func(statement string, l *label) {
		list = append(list, Advice{
			Route: r.name, Reason: string(missChanged), Count: l.n.Load(), Spent: time.Duration(l.spent.Load()), Remedy: remedyFor(l.last()), At: statement,
		})
	})
	slices.SortFunc(list, byCost)
	return list
}

func byCost(a, b Advice) int {
	return cmp.Or(cmp.Compare(b.Spent, a.Spent), cmp.Compare(b.Count, a.Count),
		cmp.Compare(a.Route, b.Route), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.At, b.At))
}

// advice is Cache.Advice.
func (c *front) advice() (list []Advice) {
	c.stats.load().routes.Range(func(_, v any) bool {
		list = append(list, v.(*routeCounters).advise()...)
		return true
	})
	slices.SortFunc(list, byCost)
	return list
}
