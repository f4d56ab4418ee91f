package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/metrics"
)

func TestCollector(t *testing.T) {
	cache, err := unstale.New(unstale.Options{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	defer cache.Watch().Close()
	wrap, err := cache.Middleware(unstale.HandlerOptions{Route: func(*http.Request) string { return "cards" }})
	if err != nil {
		t.Fatal(err)
	}
	h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "cards")
		if r.URL.Path == "/secret/cookie" {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		}
		fmt.Fprint(w, "card")
	}))
	get := func(path string, header ...string) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if len(header) == 2 {
			r.Header.Set(header[0], header[1])
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	get("/secret/1")
	get("/secret/1")
	get("/secret/1")
	get("/secret/1", "Authorization", "Bearer token")
	if err := cache.Invalidate(t.Context(), unstale.Tag("cards")); err != nil {
		t.Fatal(err)
	}
	get("/secret/1")
	get("/secret/cookie")
	db := cache.Database("main", nil)
	cache.Database("main", nil)
	for range 2 {
		db.Coarse("SELECT 1 OR a", "or")
	}
	db.Mark(adapter.Commit{Coarse: []string{"too many rows"}}).Settle()

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewCollector(cache))
	want := `
# HELP unstale_bypassed_total Requests that passed by the cache, by reason.
# TYPE unstale_bypassed_total counter
unstale_bypassed_total{reason="credentials",route="cards"} 1
# HELP unstale_coarse_reads_total Reads tracked coarser than their text allows, by statement and reason.
# TYPE unstale_coarse_reads_total counter
unstale_coarse_reads_total{reason="or",statement="SELECT 1 OR a"} 2
# HELP unstale_coarse_writes_total Tables in commits, of each of which all that was read fell, by reason.
# TYPE unstale_coarse_writes_total counter
unstale_coarse_writes_total{reason="too many rows"} 1
# HELP unstale_degraded Whether the last look of a source failed, so that what is made from it is not served: 0 or 1.
# TYPE unstale_degraded gauge
unstale_degraded{source="main"} 0
unstale_degraded{source="main 2"} 0
# HELP unstale_fell_in_vain_total Of these, answers that were made anew with the same entity tag.
# TYPE unstale_fell_in_vain_total counter
unstale_fell_in_vain_total{route="cards"} 1
# HELP unstale_fell_total Stored answers that fell by a change and were asked for again, while somebody watches.
# TYPE unstale_fell_total counter
unstale_fell_total{route="cards"} 1
# HELP unstale_fills_total Runs of the handler whose answer might have been stored.
# TYPE unstale_fills_total counter
unstale_fills_total{route="cards"} 3
# HELP unstale_hits_total Answers served from a stored response.
# TYPE unstale_hits_total counter
unstale_hits_total{route="cards"} 2
# HELP unstale_invalidations_total Invalidations, by cause: write, tag, key, pattern, unsafe method, difference, or why everything fell.
# TYPE unstale_invalidations_total counter
unstale_invalidations_total{cause="tag"} 1
unstale_invalidations_total{cause="write"} 1
# HELP unstale_misses_total Requests that ran the handler, by the reason why nothing could be served.
# TYPE unstale_misses_total counter
unstale_misses_total{reason="changed",route="cards"} 1
unstale_misses_total{reason="cold",route="cards"} 2
# HELP unstale_store_entries Entries in the store.
# TYPE unstale_store_entries gauge
unstale_store_entries 1
# HELP unstale_unstored_total Fills whose answer was not stored, by reason.
# TYPE unstale_unstored_total counter
unstale_unstored_total{reason="set-cookie",route="cards"} 1
# HELP unstale_verified_total Hits drawn to be recomputed, by outcome: same, differed, undecided, skipped.
# TYPE unstale_verified_total counter
unstale_verified_total{outcome="differed"} 0
unstale_verified_total{outcome="same"} 0
unstale_verified_total{outcome="skipped"} 0
unstale_verified_total{outcome="undecided"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"unstale_coarse_reads_total", "unstale_coarse_writes_total", "unstale_degraded", "unstale_fell_total", "unstale_fell_in_vain_total", "unstale_fills_total", "unstale_hits_total", "unstale_misses_total", "unstale_bypassed_total", "unstale_invalidations_total", "unstale_store_entries", "unstale_unstored_total", "unstale_verified_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "unstale_handler_seconds_total"); err != nil || n != 4 {
		t.Errorf("handlers ran for %d reasons: %v", n, err) // cold, changed, set-cookie, credentials
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.String(), "secret") || strings.Contains(f.String(), "token") {
			t.Errorf("a path or a credential in %s", f)
		}
	}
}

func TestCollectorOff(t *testing.T) {
	cache, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(metrics.NewCollector(cache)); n != 0 {
		t.Errorf("%d metrics of a cache that is off", n)
	}
}
