package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

var (
	waitsRounds = flag.Int("waits.rounds", 30, "`number` of random services of TestWaits")
	waitsSeed   = flag.Uint64("waits.seed", 1, "`seed` of the first of them")
)

// TestWaits has clients ask random services, whose handlers, functions given to Load
// and identities use each other, transactions, connections and rows, from small
// pools. Every request ends within its deadline, without which it would end, too.
func TestWaits(t *testing.T) {
	t.Parallel()
	for i := range *waitsRounds {
		seed := *waitsSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			s := newWaitingService(t, seed)
			s.run()
			if t.Failed() {
				t.Logf("-waits.seed=%d -waits.rounds=1\n%s", seed, s)
			}
		})
		if t.Failed() {
			return
		}
	}
}

const (
	waitsTime    = 10 * time.Second // below Options.JoinWait
	waitsKeys    = 4
	waitsPages   = 3
	waitsClients = 12
)

// A waitingService has pages and functions made of steps.
type waitingService struct {
	testing.TB
	*env
	random  *rand.Rand
	handler http.Handler
	size    int            // of the pool
	pages   [][]step       // of which one is that of an unsafe method
	keys    [][]step       // what the function of a key does
	asks    []step         // what finding out who asks does
	clients []waitingAsker // who ask
}

// A waitingAsker is a request.
type waitingAsker struct {
	after, within, cancelled time.Duration // it begins, has time, and leaves; 0: it does not
	page                     int
	who                      string
}

// A step is what code does, with the steps within it.
type step struct {
	does   string // "read", "write", "sleep", "ask", "load", "beside", or what it holds
	mark   string // of the context, for what it holds or loads
	key    int    // what it loads
	within []step
}

// String returns the step as a text for people.
func (s step) String() string {
	text := s.does
	switch s.does {
	case "load":
		text += fmt.Sprint(" ", s.key)
	case "beside":
		return fmt.Sprint(text, s.within)
	}
	if s.mark != "" {
		text += "/" + s.mark
	}
	if len(s.within) > 0 {
		text += fmt.Sprint(s.within)
	}
	return text
}

func (s *waitingService) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool of %d; who asks: %v\n", s.size, s.asks)
	for i, key := range s.keys {
		fmt.Fprintf(&b, "key %d: %v\n", i, key)
	}
	for i, page := range s.pages {
		fmt.Fprintf(&b, "page %d: %v\n", i, page)
	}
	for _, c := range s.clients {
		fmt.Fprintf(&b, "%+v\n", c)
	}
	return b.String()
}

func newWaitingService(t *testing.T, seed uint64) *waitingService {
	c, err := unstale.New(unstale.Options{Slots: 1 << 10, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := &waitingService{TB: t, random: rand.New(rand.NewPCG(seed, 0))}
	// SQLite's own waiting for a lock is no matter here, and none of it is simulated.
	s.env = openEnv(t, c, filepath.Join(t.TempDir(), "test.db")+"?_pragma=busy_timeout(0)&_pragma=synchronous(off)", Config{}, shop)
	s.size = 1 + s.random.IntN(3)
	s.db.SetMaxOpenConns(s.size)
	for range waitsKeys {
		s.keys = append(s.keys, s.steps(2, true, false))
	}
	for range waitsPages {
		s.pages = append(s.pages, s.steps(3, false, false))
	}
	s.asks = s.steps(2, true, false)
	for range waitsClients {
		a := waitingAsker{after: s.upTo(100), within: waitsTime, page: s.random.IntN(2 * waitsPages), who: []string{"", "a", "b"}[s.random.IntN(3)]}
		switch s.random.IntN(4) {
		case 0:
			a.within = s.upTo(100)
		case 1:
			a.cancelled = s.upTo(100)
		}
		s.clients = append(s.clients, a)
	}
	m, err := c.Middleware(unstale.HandlerOptions{Credentials: []string{"Authorization"}, Identity: func(r *http.Request) (string, error) {
		who := r.Header.Get("Authorization")
		if who != "" {
			s.do(r.Context(), s.asks, nil, 0)
		}
		return who, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.handler = m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var page int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &page)
		s.do(r.Context(), s.pages[page], nil, 0)
		if err := r.Context().Err(); err != nil {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	}))
	return s
}

// upTo returns up to so many milliseconds, and more than none.
func (s *waitingService) upTo(n int) time.Duration {
	return time.Duration(1+s.random.IntN(n)) * time.Millisecond
}

// steps returns random steps: of a function, which has to pass its context on, or
// by code that holds something, and uses nothing else then.
func (s *waitingService) steps(depth int, function, holds bool) (list []step) {
	mark := func(all ...string) string { return all[s.random.IntN(len(all))] }
	for range 1 + s.random.IntN(3) {
		n := s.random.IntN(12)
		switch {
		case n < 2 || depth == 0:
			list = append(list, step{does: "read", mark: mark("the request", "none")})
		case n < 3:
			list = append(list, step{does: "sleep"})
		case n < 4:
			list = append(list, step{does: "ask"})
		case n < 5 && holds:
			list = append(list, step{does: "write", mark: mark("the request", "none")})
		case n < 8 && !holds:
			list = append(list, step{does: mark("transaction", "connection", "rows"), mark: mark("the request", "none", "Outside the request"), within: s.steps(depth-1, function, true)})
		case n < 9 && !holds:
			list = append(list, step{does: "beside", within: s.steps(depth-1, function, false)})
		default:
			load := step{does: "load", mark: "the request", key: s.random.IntN(waitsKeys)}
			if !function {
				load.mark = mark("the request", "none", "Outside the request")
			}
			list = append(list, load)
		}
	}
	return list
}

// A holder is what is held of the database. What is not held is nil.
type holder interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// bare is a context that carries no mark, and ends with the one that does.
type bare struct{ context.Context }

func (bare) Value(any) any { return nil }

// noHolder is what there is while rows are open: nothing to be read from.
type noHolder struct{ holder }

// do does the steps, with what is held, at a depth of functions.
func (s *waitingService) do(ctx context.Context, steps []step, held holder, depth int) {
	for _, st := range steps {
		if ctx.Err() != nil {
			return
		}
		marked := ctx
		switch st.mark {
		case "none":
			marked = bare{ctx}
		case "Outside the request":
			marked = unstale.Outside(ctx)
		}
		switch st.does {
		case "sleep":
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		case "ask":
			if held == nil { // or one that holds a connection would want another one
				unstale.Identity(ctx)
			}
		case "read":
			if q := s.queries(held); q != nil {
				_, _ = read(marked, q, sumOf1)
			}
		case "write":
			if held != (noHolder{}) {
				_, _ = held.ExecContext(marked, "UPDATE orders SET sum = sum + 1 WHERE id = 1")
			}
		case "beside":
			var all sync.WaitGroup
			for _, one := range st.within {
				all.Go(func() { s.do(ctx, []step{one}, held, depth) })
			}
			all.Wait()
		case "load":
			_, _ = unstale.Load(marked, s.cache, fmt.Sprint(st.key), func(ctx context.Context) (int, error) {
				if depth < 3 {
					s.do(ctx, s.keys[st.key], held, depth+1)
				}
				if q := s.queries(held); q != nil {
					_, err := read(ctx, q, sumOf1)
					return 0, err
				}
				return 0, ctx.Err()
			})
		default:
			s.hold(marked, ctx, st, held, depth)
		}
	}
}

// queries returns what is read from, or nil.
func (s *waitingService) queries(held holder) querier {
	switch held.(type) {
	case nil:
		return s.db
	case noHolder:
		return nil
	}
	return held
}

// hold does the steps within one that holds something. What holds something already
// uses that.
func (s *waitingService) hold(marked, ctx context.Context, st step, held holder, depth int) {
	if held != nil {
		s.do(ctx, st.within, held, depth)
		return
	}
	switch st.does {
	case "transaction":
		if tx, err := s.db.BeginTx(marked, nil); err == nil {
			defer func() { _ = tx.Commit() }()
			s.do(ctx, st.within, tx, depth)
		}
	case "connection":
		if c, err := s.db.Conn(marked); err == nil {
			defer func() { _ = c.Close() }()
			s.do(ctx, st.within, c, depth)
		}
	case "rows":
		rows, err := s.db.QueryContext(marked, "SELECT id FROM orders")
		if err == nil {
			defer func() { _ = rows.Close() }()
			s.do(ctx, st.within, noHolder{}, depth)
			_ = rows.Err()
		}
	}
}

// run has all clients ask.
func (s *waitingService) run() {
	var all sync.WaitGroup
	for i, c := range s.clients {
		all.Go(func() {
			time.Sleep(c.after)
			ctx, cancel := context.WithTimeout(s.Context(), c.within)
			defer cancel()
			if c.cancelled > 0 {
				defer time.AfterFunc(c.cancelled, cancel).Stop()
			}
			method := http.MethodGet
			if c.page >= waitsPages {
				method = http.MethodPost
			}
			r := httptest.NewRequestWithContext(ctx, method, fmt.Sprint("/", c.page%waitsPages), http.NoBody)
			if c.who != "" {
				r.Header.Set("Authorization", c.who)
			}
			start := time.Now()
			s.handler.ServeHTTP(httptest.NewRecorder(), r)
			switch took := time.Since(start); {
			case took > c.within:
				s.Errorf("client %d: ended after %v, its time is %v", i, took, c.within)
			case took >= waitsTime:
				s.Errorf("client %d: did not end", i)
			}
		})
	}
	all.Wait()
	time.Sleep(waitsTime) // so that what runs beside requests ends, too, if it does
}
