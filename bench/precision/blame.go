package precision

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

// A blame is why a page was dropped for nothing: a query, or something else.
type blame struct{ page, why string }

// blames count pages that were dropped for nothing, with shares where several
// queries were to blame.
type blames map[blame]float64

func (r *replay) blame(page, why string, share float64) {
	if r.counts {
		r.blames[blame{page, why}] += share
	}
}

// A usage says what became of the results of a query on pages that were dropped.
type usage struct {
	dropped int // with the page
	changed int // of these, how many are another result now
}

// A reading is a query of a page with what it returned.
type reading struct {
	query
	key    string // under which the cache holds the digest as well
	digest string
}

// readAll reads what a page was made of once more, each query as a function
// result of its own: what drops the page later will drop the results of those
// queries whose dependencies it touches.
func (r *replay) readAll(ctx context.Context, page string, made []query) ([]reading, error) {
	list := make([]reading, len(made))
	for i, q := range made {
		if r.usages[shape(q.text)] == nil {
			r.usages[shape(q.text)] = new(usage)
		}
		list[i] = reading{query: q, key: fmt.Sprintf("query:%x", sha256.Sum256([]byte(page+"\n"+q.String())))}
		var err error
		if list[i].digest, _, err = r.read(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// read returns the digest of what a query returns, from the cache if it is still
// there, and whether it was not.
func (r *replay) read(ctx context.Context, q *reading) (digest string, dropped bool, err error) {
	digest, err = unstale.Load(ctx, r.cache, q.key, func(ctx context.Context) (string, error) {
		dropped = true
		rows, err := workload.Collect(ctx, r.db, q.text, q.args...)
		return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, rows))), err
	})
	return digest, dropped, err
}

// explain finds the queries that were dropped with a page. If the page is what it
// was, those are to blame which return what they returned, unless there are
// others, whose change the page does not show.
func (r *replay) explain(ctx context.Context, page string, queries []reading, pageSame bool) error {
	var same, other []string
	for i := range queries {
		q, text := &queries[i], shape(queries[i].text)
		digest, dropped, err := r.read(ctx, q)
		switch {
		case err != nil:
			return err
		case !dropped:
			continue
		case digest == q.digest:
			same = append(same, text)
		default:
			other = append(other, "read but not shown: "+text)
		}
		if r.counts {
			r.usages[text].dropped++
			if digest != q.digest {
				r.usages[text].changed++
			}
		}
	}
	if !pageSame {
		return nil
	}
	if len(other) > 0 {
		same = other // it had to fall
	}
	if len(same) == 0 {
		same = []string{"no query of the page"}
	}
	for _, why := range same {
		r.blame(page, why, 1/float64(len(same)))
	}
	return nil
}
