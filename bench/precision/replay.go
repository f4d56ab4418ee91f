package precision

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/workload"
)

// A tally says what became of the requests for pages.
type tally struct {
	gets   int
	hits   int
	oracle int // what would have been hits if exactly what changed had been dropped
	stale  int

	invalidated int // misses although the page was stored and has not ended
	changed     int // of these, how many are another page now
	unstored    int // misses because the page could not be stored
}

func (t *tally) add(u tally) {
	t.gets += u.gets
	t.hits += u.hits
	t.oracle += u.oracle
	t.stale += u.stale
	t.invalidated += u.invalidated
	t.changed += u.changed
	t.unstored += u.unstored
}

// A replay replays a trace, and compares every answer with the same page
// computed anew.
//
// The oracle drops exactly what differs when it is computed anew after a write.
// It does so when the page is asked for next, which comes to the same: what it
// keeps is what the page was when it was last asked for, and that is what it is
// now, or the oracle misses.
type replay struct {
	*site
	kept   map[string]*kept // by who asks for what
	counts bool             // false while the trace warms up
	pages  map[string]*tally
	blames blames
	stale  string            // the first stale answer
	usages map[string]*usage // of the queries of all pages, by their shape
}

// kept is what is known of a page that was asked for.
type kept struct {
	body    []byte
	ends    time.Time // zero: never
	why     string    // it was not stored, or ""
	queries []reading // what it was made of
}

func newReplay(s *site) *replay {
	return &replay{site: s, kept: make(map[string]*kept), pages: make(map[string]*tally), blames: make(blames), usages: make(map[string]*usage)}
}

// run replays the trace, the first part of which does not count.
func (r *replay) run(ctx context.Context, trace []workload.Request, step time.Duration, warmUp int) error {
	for i := range trace {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.counts = i >= warmUp
		if err := r.step(ctx, &trace[i]); err != nil {
			return fmt.Errorf("request %d, %s %s: %w", i, trace[i].Method, trace[i].Path, err)
		}
		r.clock.Now = r.clock.Now.Add(step)
	}
	return nil
}

func (r *replay) step(ctx context.Context, q *workload.Request) error {
	if q.Method != http.MethodGet {
		_, err := r.ask(ctx, r.handler, q)
		return err
	}
	fresh, err := r.ask(unstale.Outside(ctx), r.fresh, q)
	if err != nil {
		return err
	}
	r.ran.on = true
	got, err := r.ask(ctx, r.handler, q)
	made := r.ran.take()
	if err != nil {
		return err
	}
	ends := r.clock.Ends // of the page, whoever computed it last
	t := tally{gets: 1}
	key := q.Session + " " + q.Path
	old := r.kept[key]
	current := old != nil && (old.ends.IsZero() || r.clock.Now.Before(old.ends))
	same := old != nil && bytes.Equal(old.body, fresh.Body)
	if current && same {
		t.oracle = 1
	}
	differs := fresh.Status != got.Status || !bytes.Equal(fresh.Body, got.Body)
	switch {
	case got.Hit():
		t.hits = 1
		if differs {
			t.stale = 1
			r.stale = cmp.Or(r.stale, fmt.Sprintf("%s for %q: %.500q, now %.500q", q.Path, q.Session, got.Body, fresh.Body))
		}
		r.count(q.Page, t)
		return nil
	case differs:
		return fmt.Errorf("the site answers in two ways:\n%d %s\n%d %s", fresh.Status, fresh.Body, got.Status, got.Body)
	case !current:
	case old.why != "":
		t.unstored = 1
		if same {
			r.blame(q.Page, old.why, 1)
		}
	default:
		t.invalidated = 1
		if !same {
			t.changed = 1
		}
		if err := r.explain(ctx, q.Page, old.queries, same); err != nil {
			return err
		}
	}
	now := &kept{body: got.Body, ends: ends, why: unstored(got)}
	if now.queries, err = r.readAll(ctx, key, made); err != nil {
		return err
	}
	r.kept[key] = now
	r.count(q.Page, t)
	return nil
}

// ask lets a handler answer a request. A trace asks for nothing that fails.
func (r *replay) ask(ctx context.Context, h http.Handler, q *workload.Request) (*harness.Answer, error) {
	request, err := r.request(ctx, q)
	if err != nil {
		return nil, err
	}
	a := harness.Ask(h, request)
	if a.Status >= http.StatusBadRequest {
		return nil, fmt.Errorf("%d %s", a.Status, a.Body)
	}
	return a, nil
}

// count adds to the tally of a page.
func (r *replay) count(page string, t tally) {
	if !r.counts {
		return
	}
	if r.pages[page] == nil {
		r.pages[page] = new(tally)
	}
	r.pages[page].add(t)
}

// all returns the sum over all pages.
func (r *replay) all() (sum tally) {
	for _, t := range r.pages {
		sum.add(*t)
	}
	return sum
}

// unstored returns why an answer was not stored, or "".
func unstored(a *harness.Answer) string {
	status := a.Header().Get("Cache-Status")
	if strings.Contains(status, ";stored") {
		return ""
	}
	if _, why, found := strings.Cut(status, `;detail="`); found {
		return strings.TrimSuffix(why, `"`)
	}
	return "not stored: " + status
}
