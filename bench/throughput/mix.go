package throughput

import (
	"fmt"
	"net/http"

	"github.com/unstale/unstale/bench/workload"
)

// A mix takes requests from a trace, which begins again after its end.
type mix struct {
	name  string
	share float64 // of writes; negative: as the trace has them
	all   *queue
	reads *queue
	write *queue
	due   float64 // of writes
}

// A queue is requests in their order.
type queue struct {
	list []workload.Request
	next int
}

func (q *queue) take() workload.Request {
	r := q.list[q.next%len(q.list)]
	q.next++
	return r
}

// mixes returns that of a trace, and of another one mixes with these shares of writes,
// among which no page leftOut is.
func mixes(published, other []workload.Request, shares []float64, leftOut string) []*mix {
	reads, writes := new(queue), new(queue)
	for _, r := range other {
		switch {
		case r.Method == http.MethodGet:
			reads.list = append(reads.list, r)
		case r.Page != leftOut:
			writes.list = append(writes.list, r)
		}
	}
	own := 0
	for _, r := range published {
		if r.Method != http.MethodGet {
			own++
		}
	}
	list := []*mix{{name: fmt.Sprintf("as published, %.0f%% writes", 100*float64(own)/float64(len(published))), share: -1, all: &queue{list: published}}}
	for _, share := range shares {
		list = append(list, &mix{name: fmt.Sprintf("%.0f%% writes", 100*share), share: share, reads: reads, write: writes})
	}
	return list
}

// take returns the next requests.
func (m *mix) take(n int) []workload.Request {
	list := make([]workload.Request, n)
	for i := range list {
		if m.share < 0 {
			list[i] = m.all.take()
			continue
		}
		if m.due += m.share; m.due >= 1 {
			m.due--
			list[i] = m.write.take()
		} else {
			list[i] = m.reads.take()
		}
	}
	return list
}
