package throughput

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/unstale/unstale/bench/bidding"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/lobsters"
	"github.com/unstale/unstale/bench/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMeasure is a short measurement, in which nothing may be wrong.
func TestMeasure(t *testing.T) {
	t.Parallel()
	var list []*course
	for _, site := range []workload.OnPostgres{lobsters.New(1, 0.01), bidding.New(1, 0.01)} {
		list = append(list, &course{
			site: site, leftOut: "ribbon", warmUp: 200, round: 20, rounds: 3, clients: []int{4}, shares: []float64{0.15}, checks: 10, within: time.Second,
		})
	}
	sec, err := measure(t.Context(), new(harness.Settings), list)
	if err != nil {
		t.Fatal(err)
	}
	text := sec.Markdown()
	t.Log(text)
	if len(sec.Tables) != 4 || len(sec.Tables[0].Rows) != 2 || len(sec.Tables[1].Rows) != 8 || strings.Count(text, "none differed") != 2 {
		t.Error(text)
	}
	if f := strings.Fields(sec.Last); len(f) != 5 || f[0] != "throughput" || f[1] != "lobsters" || f[3] != "bidding" || f[2] == "-" {
		t.Error(sec.Last)
	}
}

// TestWrongAnswerFails has a site that says what it said at first.
func TestWrongAnswerFails(t *testing.T) {
	t.Parallel()
	server, err := harness.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	w, dir := bidding.New(1, 0.01), t.TempDir()
	if err := server.Create(t.Context(), w.Name(), "template0"); err != nil {
		t.Fatal(err)
	}
	if err := w.FillPostgres(t.Context(), server.DSN(w.Name()), dir); err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), server, w, arms[cached], w.Name(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	trace := []workload.Request{workload.Get("item", "/items/1", "1"), workload.Post("bid", "/items/1/bids", "1", map[string][]string{"raise": {"3"}})}
	turn := func() error {
		if _, err := s.run(t.Context(), trace, 1); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.check(t.Context(), trace, 1)
		return err
	}
	if err := turn(); err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		first []byte
		next  = s.handler
	)
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := httptest.NewRecorder()
		next.ServeHTTP(a, r)
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodGet && first == nil {
			first = bytes.Clone(a.Body.Bytes())
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write(first)
		}
	})
	if err := turn(); err == nil || !strings.Contains(err.Error(), "made anew") {
		t.Errorf("a stale answer: %v", err)
	}
}

func TestMixes(t *testing.T) {
	t.Parallel()
	var trace []workload.Request
	for range 10 {
		trace = append(trace, workload.Get("page", "/", ""), workload.Post("left out", "/", "", nil), workload.Post("write", "/", "", nil))
	}
	list := mixes(trace, trace, []float64{0, 0.3}, "left out")
	for i, want := range []struct{ writes, leftOut int }{{134, 67}, {0, 0}, {60, 0}} {
		writes, leftOut := 0, 0
		for _, r := range list[i].take(200) {
			if r.Method != http.MethodGet {
				writes++
			}
			if r.Page == "left out" {
				leftOut++
			}
		}
		if writes < want.writes-2 || writes > want.writes+2 || leftOut < want.leftOut-1 || leftOut > want.leftOut+1 {
			t.Errorf("%s: %d writes, %d that are left out", list[i].name, writes, leftOut)
		}
	}
}
