// Package metrics shows what a Cache does to Prometheus.
//
//	registry.MustRegister(metrics.NewCollector(cache))
//
// Labels are routes (HandlerOptions.Route), reasons, causes, call sites and the texts of
// statements that fell back: sets that do not grow with traffic. No label holds a
// path, a key or an identity. grafana.json beside this file is a dashboard of them.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/unstale/unstale"
)

// Collector is a prometheus.Collector of one Cache. It reads Cache.Stats at each
// scrape and keeps nothing of its own.
type Collector struct{ cache *unstale.Cache }

// NewCollector returns a collector of c. A cache that is switched off has nothing
// to show.
func NewCollector(c *unstale.Cache) *Collector { return &Collector{c} }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("unstale_"+name, help, labels, nil)
}

var (
	hits     = desc("hits_total", "Answers served from a stored response.", "route")
	bounded  = desc("bounded_hits_total", "Of these, answers on a look older than the request, as the route's Policy.Within allows.", "route")
	joined   = desc("joined_total", "Requests answered by a fill that another request ran.", "route")
	misses   = desc("misses_total", "Requests that ran the handler, by the reason why nothing could be served.", "route", "reason")
	bypassed = desc("bypassed_total", "Requests that passed by the cache, by reason.", "route", "reason")
	fills    = desc("fills_total", "Runs of the handler whose answer might have been stored.", "route")
	stored   = desc("stored_total", "Fills whose answer was stored.", "route")
	hitBytes = desc("hit_bytes_total", "Body bytes of stored responses that were served.", "route")
	kept     = desc("unstored_total", "Fills whose answer was not stored, by reason.", "route", "reason")
	spent    = desc("handler_seconds_total", "How long handlers ran, by the reason why they had to: of the miss, or why the answer was not stored, or why the request passed.", "route", "reason")
	saved    = desc("saved_seconds_total", "What handlers took when they made what hits were served from, while somebody watches (Cache.Watch).", "route")
	hitTime  = desc("hit_seconds", "How long hits took, one in 64, while somebody watches.", "route")
	fillTime = desc("fill_seconds", "How long fills took, while somebody watches.", "route")
	fell     = desc("fell_total", "Stored answers that fell by a change and were asked for again, while somebody watches.", "route")
	inVain   = desc("fell_in_vain_total", "Of these, answers that were made anew with the same entity tag.", "route")
	wouldHit = desc("report_only_hits_total", "Requests on report-only routes that would have been hits.", "route")
	differed = desc("report_only_differences_total", "Would-be hits whose stored answer differed from the handler's.", "route")

	loads = desc("loads_total", "Calls of Load, by outcome: hit, miss, joined, bypassed.", "outcome")

	looks    = desc("looks_total", "Times that a source was asked whether it has caught up, by outcome: sent, failed, late.", "outcome")
	lookTime = desc("look_seconds", "How long looks of a source that does not answer at once took.", "source")
	failing  = desc("degraded", "Whether the last look of a source failed, so that what is made from it is not served: 0 or 1.", "source")
	shadowed = desc("shadowed_total", "Runs without a request's credentials beside those that saw them, by outcome: same, differed, undecided, skipped.", "outcome")
	verified = desc("verified_total", "Hits drawn to be recomputed, by outcome: same, differed, undecided, skipped.", "outcome")

	refused       = desc("refused_total", "Results that were not stored, those of Load included, by reason.", "reason")
	invalidations = desc("invalidations_total", "Invalidations, by cause: write, tag, key, pattern, unsafe method, difference, or why everything fell.", "cause")
	captured      = desc("captured_rows_total", "Row changes captured from databases.")
	coarse        = desc("coarse_reads_total", "Reads tracked coarser than their text allows, by statement and reason.", "statement", "reason")
	coarseSpent   = desc("coarse_seconds_total", "How long handlers ran to make such answers anew, by statement and reason.", "statement", "reason")
	coarseWrites  = desc("coarse_writes_total", "Tables in commits, of each of which all that was read fell, by reason.", "reason")
	coarseFalls   = desc("coarse_falls_total", "Stored answers that fell because of nothing but such a statement, by statement and reason.", "statement", "reason")
	unmarked      = desc("unmarked_reads_total", "Statements without the request's context, nor that of Outside.")
	tookOver      = desc("took_over_total", "Fills that took over dependencies of such reads, which may not be their own.")
	untracked     = desc("untracked_reads_total", "Such statements that made the fills unstorable that were open, by call site.", "site")
	writes        = desc("writes_in_get_total", "Fills that wrote to a database, by call site.", "site")
	lookedOutside = desc("context_values_total", "Looks at context values from outside the cache, by the key's type.", "type")

	flux      = desc("flux_seconds", "How long commits were in flux.")
	openFills = desc("open_fills", "Fills under way.")
	patterns  = desc("patterns", "Invalidated patterns that are not worked off yet.")
	entries   = desc("store_entries", "Entries in the store.")
	bytes     = desc("store_bytes", "What the entries in the store cost in memory.")
	maxBytes  = desc("store_max_bytes", "The bound of the store.")
	evictions = desc("store_evictions_total", "Entries that the store forgot for lack of room.")
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		hits, bounded, joined, misses, bypassed, fills, stored, kept, spent, hitBytes, saved, hitTime, fillTime, fell, inVain, wouldHit, differed, loads, looks, lookTime, failing, shadowed, verified, refused, invalidations,
		captured, coarse, coarseFalls, coarseSpent, coarseWrites, unmarked, tookOver, untracked, writes, lookedOutside, flux, openFills, patterns, entries, bytes, maxBytes, evictions,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	if !c.cache.Enabled() {
		return
	}
	s := c.cache.Stats()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	counts := func(d *prometheus.Desc, m map[string]uint64, labels ...string) {
		for last, n := range m {
			count(d, n, append(labels[:len(labels):len(labels)], last)...)
		}
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	histogram := func(d *prometheus.Desc, h unstale.Histogram, labels ...string) {
		if len(h.Counts) == 0 {
			return
		}
		buckets := make(map[float64]uint64, len(h.Bounds))
		var total uint64
		for i, n := range h.Counts {
			total += n
			if i < len(h.Bounds) {
				buckets[h.Bounds[i].Seconds()] = total
			}
		}
		ch <- prometheus.MustNewConstHistogram(d, total, h.Sum.Seconds(), buckets, labels...)
	}

	for route, r := range s.Routes {
		counts(bypassed, r.Bypassed, route)
		for reason, took := range r.Spent {
			ch <- prometheus.MustNewConstMetric(spent, prometheus.CounterValue, took.Seconds(), route, reason)
		}
		if r.Hits+r.Joined+r.Fills+r.WouldHit == 0 && len(r.Misses) == 0 {
			continue // nothing on this route is ever cached: no rows of zeros
		}
		count(hits, r.Hits, route)
		count(bounded, r.Bounded, route)
		count(joined, r.Joined, route)
		count(fills, r.Fills, route)
		counts(misses, r.Misses, route)
		count(stored, r.Stored, route)
		counts(kept, r.Refused, route)
		count(hitBytes, r.HitBytes, route)
		histogram(hitTime, r.HitTime, route)
		histogram(fillTime, r.FillTime, route)
		if len(r.FillTime.Counts)+len(r.HitTime.Counts) > 0 { // else nobody watched
			ch <- prometheus.MustNewConstMetric(saved, prometheus.CounterValue, r.Saved.Seconds(), route)
			count(fell, r.Fell, route)
			count(inVain, r.FellInVain, route)
		}
		count(wouldHit, r.WouldHit, route)
		count(differed, r.WouldDiffer, route)
	}
	count(loads, s.Loads.Hits, "hit")
	count(loads, s.Loads.Misses, "miss")
	count(loads, s.Loads.Joined, "joined")
	count(loads, s.Loads.Bypassed, "bypassed")
	count(looks, s.Looks.Sent, "sent")
	count(looks, s.Looks.Failed, "failed")
	count(looks, s.Looks.Late, "late")
	for _, src := range s.Sources {
		down := 0.0
		if !src.Degraded.IsZero() {
			down = 1
		}
		gauge(failing, down, src.Source)
		if !src.Prompt {
			histogram(lookTime, src.LookTime, src.Source)
		}
	}
	for of, v := range map[*prometheus.Desc]unstale.VerifyStats{verified: s.Verified, shadowed: s.Shadowed} {
		count(of, v.Same, "same")
		count(of, v.Differed, "differed")
		count(of, v.Undecided, "undecided")
		count(of, v.Skipped, "skipped")
	}
	counts(refused, s.Refused)
	counts(invalidations, s.Invalidations)
	count(captured, s.RowsCaptured)
	for _, f := range s.Coarse {
		count(coarse, f.Count, f.Statement, f.Reason)
		count(coarseFalls, f.Fell, f.Statement, f.Reason)
		ch <- prometheus.MustNewConstMetric(coarseSpent, prometheus.CounterValue, f.Spent.Seconds(), f.Statement, f.Reason)
	}
	counts(coarseWrites, s.CoarseWrites)
	count(unmarked, s.UnmarkedReads)
	count(tookOver, s.TookOver)
	counts(untracked, s.UntrackedReads)
	counts(writes, s.WritesInGET)
	counts(lookedOutside, s.ContextValues)

	histogram(flux, s.Flux)
	gauge(openFills, float64(s.OpenFills))
	gauge(patterns, float64(s.Patterns))
	gauge(entries, float64(s.Store.Entries))
	gauge(bytes, float64(s.Store.Bytes))
	gauge(maxBytes, float64(s.Store.MaxBytes))
	count(evictions, s.Store.Evictions)
}
