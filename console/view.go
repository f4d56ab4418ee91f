package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale"
)

// A view is what somebody is shown. Its fields have the names that the page, Prometheus
// and docs/console.md use: see names.
type view struct {
	At      time.Time `json:"at"`
	Enabled bool      `json:"enabled"`
	Explain bool      `json:"explain"` // whether values are shown

	HitRate           float64 `json:"hit_rate"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	SavedSeconds      float64 `json:"saved_seconds"`
	HandlerSeconds    float64 `json:"handler_seconds"`
	StoreBytes        int64   `json:"store_bytes"`
	StoreMaxBytes     int64   `json:"store_max_bytes"`
	StoreEntries      int     `json:"store_entries"`
	StoreEvictions    uint64  `json:"store_evictions"`
	Degraded          int     `json:"degraded"` // sources

	Sources  []sourceView  `json:"sources"`
	Routes   []routeView   `json:"routes"`
	Writes   []writeView   `json:"writes"`
	Changes  []changeView  `json:"changes"`
	Coarse   []coarseView  `json:"coarse"`
	Verified verifiedView  `json:"verified"`
	Filter   string        `json:"-"`
	More     int           `json:"-"` // routes that are not shown
	Matching int           `json:"-"` // routes that the filter lets through
	Samples  []sample      `json:"-"`
	Ask      string        `json:"-"` // the URL that was looked up
	Found    []*answerView `json:"-"`
	Note     string        `json:"-"` // what is said instead
	Version  string        `json:"-"`
}

// seconds are two quantiles.
type seconds struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

func quantiles(h unstale.Histogram) *seconds {
	if len(h.Counts) == 0 || h.Quantile(1) == 0 {
		return nil
	}
	return &seconds{h.Quantile(.5).Seconds(), h.Quantile(.99).Seconds()}
}

type sourceView struct {
	Source      string     `json:"source"`
	Tier        string     `json:"tier"`
	Claim       string     `json:"claim"`
	LookSeconds *seconds   `json:"look_seconds"` // null where it answers at once
	Degraded    *time.Time `json:"degraded"`     // since when
	Failed      uint64     `json:"failed_looks"`
	Followed    []string   `json:"followed"`
	Coarse      []string   `json:"coarse"`
	Blind       []string   `json:"blind"`
}

// A part is a share of a route's requests.
type part struct {
	Name  string
	Count uint64
	From  float64 // of 100
	Width float64
	Class string
}

type routeView struct {
	Route          string            `json:"route"`
	Hits           uint64            `json:"hits"`
	Joined         uint64            `json:"joined"`
	Misses         map[string]uint64 `json:"misses"`
	Bypassed       map[string]uint64 `json:"bypassed"`
	HitSeconds     *seconds          `json:"hit_seconds"`
	FillSeconds    *seconds          `json:"fill_seconds"`
	StoreEntries   int               `json:"store_entries"`
	SavedSeconds   float64           `json:"saved_seconds"`
	HandlerSeconds float64           `json:"handler_seconds"`
	Fell           uint64            `json:"fell"`
	FellInVain     uint64            `json:"fell_in_vain"`
	Advice         []adviceView      `json:"advice"`

	MissCount uint64 `json:"-"`
	Parts     []part `json:"-"`
}

type adviceView struct {
	Reason  string  `json:"reason"`
	Count   uint64  `json:"count"`
	Seconds float64 `json:"handler_seconds"`
	Remedy  string  `json:"remedy"`
	At      string  `json:"at,omitempty"`
}

type writeView struct {
	Write      string `json:"write"`
	Changes    uint64 `json:"changes"`
	Fell       uint64 `json:"fell"`
	FellInVain uint64 `json:"fell_in_vain"`
}

type changeView struct {
	Time       time.Time  `json:"time"`
	Cause      string     `json:"cause"`
	Database   string     `json:"database,omitempty"`
	Request    string     `json:"request,omitempty"`
	Rows       []rowView  `json:"rows,omitempty"`
	More       int        `json:"more,omitempty"`
	Targets    []string   `json:"targets,omitempty"`
	Fell       uint64     `json:"fell"`
	FellInVain uint64     `json:"fell_in_vain"`
	Routes     []fallView `json:"routes,omitempty"`
}

type rowView struct {
	Table     string   `json:"table"`
	Operation string   `json:"operation,omitempty"`
	Key       string   `json:"key,omitempty"`
	Columns   []string `json:"columns,omitempty"`
	Coarse    string   `json:"coarse,omitempty"`
}

type fallView struct {
	Route      string `json:"route"`
	Fell       uint64 `json:"fell"`
	FellInVain uint64 `json:"fell_in_vain"`
}

type coarseView struct {
	Statement     string  `json:"statement"`
	Reason        string  `json:"reason"`
	CoarseReads   uint64  `json:"coarse_reads"`
	CoarseFalls   uint64  `json:"coarse_falls"`
	CoarseSeconds float64 `json:"coarse_seconds"`
	Remedy        string  `json:"remedy"`
}

type verifiedView struct {
	Same      uint64             `json:"same"`
	Differed  uint64             `json:"differed"`
	Undecided uint64             `json:"undecided"`
	Skipped   uint64             `json:"skipped"`
	Latest    []verificationView `json:"latest"`
}

type verificationView struct {
	Time    time.Time `json:"time"`
	Route   string    `json:"route"`
	Outcome string    `json:"outcome"`
}

// maxRoutesSeen bounds the routes of a page; the JSON has all that are counted.
const maxRoutesSeen = 50

// view returns what whoever asks is shown.
func (c *console) view(r *http.Request) *view {
	f := c.figures()
	v := &view{
		At: f.at.UTC(), Enabled: c.cache.Enabled(), Explain: c.options.ExplainTo(r), Filter: r.URL.Query().Get("route"), Version: c.version,
		StoreBytes: f.stats.Store.Bytes, StoreMaxBytes: f.stats.Store.MaxBytes, StoreEntries: f.stats.Store.Entries, StoreEvictions: f.stats.Store.Evictions,
		Samples: f.samples,
	}
	v.addRoutes(&f)
	v.addSources(&f)
	for _, x := range f.writes {
		v.Writes = append(v.Writes, writeView{x.Write, x.Changes, x.Fell, x.InVain})
	}
	for i := range f.falls {
		// Each unsafe request invalidates its own path, most of which nobody asks for.
		if x := v.change(&f.falls[i]); x.Fell > 0 || x.Cause != "unsafe method" {
			v.Changes = append(v.Changes, x)
		}
	}
	for _, x := range f.stats.Coarse {
		v.Coarse = append(v.Coarse, coarseView{v.text(x.Statement), x.Reason, x.Count, x.Fell, x.Spent.Seconds(), x.Remedy})
	}
	slices.SortStableFunc(v.Coarse, func(a, b coarseView) int { return cmp.Compare(b.CoarseSeconds, a.CoarseSeconds) })
	s := f.stats.Verified
	v.Verified = verifiedView{Same: s.Same, Differed: s.Differed, Undecided: s.Undecided, Skipped: s.Skipped}
	for _, x := range f.verified {
		v.Verified.Latest = append(v.Verified.Latest, verificationView{x.Time.UTC(), x.Route, x.Outcome})
	}
	return v
}

// text returns a text, without values unless they may be seen.
func (v *view) text(s string) string {
	if v.Explain {
		return s
	}
	return hideValues(s)
}

func (v *view) addRoutes(f *figures) {
	advice := make(map[string][]adviceView)
	for _, a := range f.advice {
		advice[a.Route] = append(advice[a.Route], adviceView{a.Reason, a.Count, a.Spent.Seconds(), a.Remedy, v.text(a.At)})
	}
	var hits, missed uint64
	for name, r := range f.stats.Routes {
		x := routeView{
			Route: name, Hits: r.Hits, Joined: r.Joined, Misses: r.Misses, Bypassed: r.Bypassed, MissCount: r.MissCount(),
			HitSeconds: quantiles(r.HitTime), FillSeconds: quantiles(r.FillTime), StoreEntries: f.entries[name],
			SavedSeconds: r.Saved.Seconds(), Fell: r.Fell, FellInVain: r.FellInVain, Advice: advice[name],
		}
		for reason, spent := range r.Spent {
			if reason != "route off" && reason != "upgrade" { // which no cache would save
				x.HandlerSeconds += spent.Seconds()
			}
		}
		x.split()
		v.Routes = append(v.Routes, x)
		hits += r.Hits + r.Joined
		missed += x.MissCount
		v.SavedSeconds += x.SavedSeconds
		v.HandlerSeconds += x.HandlerSeconds
	}
	if hits+missed > 0 {
		v.HitRate = float64(hits) / float64(hits+missed)
	}
	if n := len(f.samples); n > 1 {
		first, last := f.samples[max(0, n-6)], f.samples[n-1]
		v.RequestsPerSecond = float64(last.requests-first.requests) / last.at.Sub(first.at).Seconds()
	}
	slices.SortFunc(v.Routes, func(a, b routeView) int {
		return cmp.Or(cmp.Compare(b.HandlerSeconds, a.HandlerSeconds), cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Route, b.Route))
	})
}

// split makes parts of the route's requests.
func (r *routeView) split() {
	parts := []part{{Name: "hits", Count: r.Hits, Class: "hit"}, {Name: "joined", Count: r.Joined, Class: "joined"}}
	for _, of := range []struct {
		counts map[string]uint64
		class  func(string) string
	}{{r.Misses, missClass}, {r.Bypassed, func(string) string { return "bypassed" }}} {
		var list []part
		for reason, n := range of.counts {
			list = append(list, part{Name: reason, Count: n, Class: of.class(reason)})
		}
		slices.SortFunc(list, func(a, b part) int {
			return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
		})
		parts = append(parts, list...)
	}
	var total uint64
	for _, p := range parts {
		total += p.Count
	}
	from := 0.0
	for _, p := range parts {
		if p.Count == 0 {
			continue
		}
		p.From, p.Width = from, 100*float64(p.Count)/float64(total)
		from += p.Width
		r.Parts = append(r.Parts, p)
	}
}

// missClass returns the colour of a reason.
func missClass(reason string) string {
	switch reason {
	case "cold", "changed", "expired":
		return reason
	case "no valid variant", "none for this identity", "another field outside":
		return "variant"
	case "source late", "source failed":
		return "source"
	}
	return "others"
}

func (v *view) addSources(f *figures) {
	claims := make(map[string]unstale.Claim)
	for _, c := range f.claims {
		claims[c.Source] = c
	}
	for _, s := range f.stats.Sources {
		c := claims[s.Source]
		x := sourceView{Source: s.Source, Tier: c.Tier, Claim: c.Claim, Failed: s.Failed, Followed: c.Followed, Coarse: c.Coarse, Blind: c.Blind}
		if !s.Prompt {
			x.LookSeconds = quantiles(s.LookTime)
		}
		if !s.Degraded.IsZero() {
			since := s.Degraded.UTC()
			x.Degraded = &since
			v.Degraded++
		}
		v.Sources = append(v.Sources, x)
	}
}

// change returns what is shown of a change and of what it made fall.
func (v *view) change(f *unstale.Fall) changeView {
	ch := f.Change
	x := changeView{Time: ch.Time.UTC(), Cause: ch.Cause, Database: ch.Database, More: ch.More, Fell: f.Fell, FellInVain: f.InVain}
	if v.Explain {
		x.Request = ch.Request
	}
	for _, r := range ch.Rows {
		y := rowView{r.Table, r.Operation, r.Key, r.Columns, r.Coarse}
		if !v.Explain {
			y.Key = ""
		}
		x.Rows = append(x.Rows, y)
	}
	for _, t := range ch.Targets {
		if !v.Explain {
			t = hideTarget(t)
		}
		x.Targets = append(x.Targets, t)
	}
	for _, r := range f.Routes {
		x.Routes = append(x.Routes, fallView{r.Route, r.Fell, r.InVain})
	}
	return x
}

// What says in a few words what was changed.
func (x changeView) What() string {
	var parts []string
	for _, r := range x.Rows {
		s := cmp.Or(r.Operation, "rows of") + " " + r.Table
		if r.Key != "" {
			s += " " + r.Key
		}
		if len(r.Columns) > 0 {
			s += " (" + strings.Join(r.Columns, ", ") + ")"
		}
		if r.Coarse != "" {
			s += ", all of it: " + r.Coarse
		}
		if !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	if parts = append(parts, x.Targets...); len(parts) == 0 {
		return x.Cause
	}
	return strings.Join(parts, "; ")
}

// narrow leaves the routes that the page has room for, of those that are asked for.
func (v *view) narrow() {
	all := len(v.Routes)
	if v.Filter != "" {
		v.Routes = slices.DeleteFunc(slices.Clone(v.Routes), func(r routeView) bool {
			return !strings.Contains(strings.ToLower(r.Route), strings.ToLower(v.Filter))
		})
	}
	v.Matching = len(v.Routes)
	v.Routes = v.Routes[:min(len(v.Routes), maxRoutesSeen)]
	v.More = all - len(v.Routes)
}
