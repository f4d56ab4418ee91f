package hit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/unstale/unstale/bench/harness"
)

func TestMain(m *testing.M) {
	harness.Play(Role) // the test binary is its own server
	goleak.VerifyTestMain(m)
}

// TestHitSides runs the measurement for a moment: both sides answer the same
// bytes, and every round has a figure.
func TestHitSides(t *testing.T) {
	t.Parallel()
	res, err := run(context.Background(), &harness.Settings{Connections: 2, Seed: 1, Round: 5 * time.Millisecond}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range armNames {
		if f := res[i]; len(f.Processor) != 2 || len(f.Rate) != 2 || f.Requests == 0 || f.Processor.Median() <= 0 {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// TestHitSidesDiffer has a server that answers one thing otherwise.
func TestHitSidesDiffer(t *testing.T) {
	t.Parallel()
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	write := func(name, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			w.Header().Set("Cache-Status", "unstale;hit;ttl=9")
			w.Header().Set("Age", "0")
			w.Header().Set(name, value)
			_, _ = w.Write([]byte(body))
		}
	}
	same := serve(write("Age", "0", "body"))
	for name, other := range map[string]string{
		"a header":           serve(write("Etag", `"x"`, "body")),
		"a body":             serve(write("Age", "0", "bodi")),
		"a miss":             serve(write("Cache-Status", "unstale;fwd=uri-miss", "body")),
		"a different answer": same[:len(same)-1],
	} {
		arms, err := newArms(context.Background(), ready{Addrs: [armCount]string{same, same, other}}, 1)
		for _, a := range arms {
			a.Load.Close()
		}
		if err == nil {
			t.Errorf("%s went unnoticed", name)
		}
	}
	var seen []string
	for _, addr := range []string{same, serve(write("Cache-Status", "unstale;hit;ttl=8", "body")), serve(write("Age", "7", "body"))} {
		l, err := harness.NewLoad(context.Background(), addr, "/", 1)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, string(l.Comparable()))
		l.Close()
	}
	if seen[0] != seen[1] || seen[0] != seen[2] {
		t.Errorf("ages and lifetimes of their own count as a difference: %q", seen)
	}
}

// TestLoadChecksEveryAnswer has a server that forgets itself.
func TestLoadChecksEveryAnswer(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Cache-Status", "unstale;hit")
		w.Header().Set("Content-Length", "4")
		if asked < 10 {
			_, _ = w.Write([]byte("body"))
		} else {
			_, _ = w.Write([]byte("bodi"))
		}
	}))
	defer s.Close()
	l, err := harness.NewLoad(context.Background(), s.Listener.Addr().String(), "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, _, err := l.Run(time.Minute); !errors.Is(err, harness.ErrOtherAnswer) {
		t.Error(err)
	}
}

// TestContests answers the same in process, whoever answers.
func TestContests(t *testing.T) {
	t.Parallel()
	p, err := newPages(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	list, err := contests(p)
	if err != nil {
		t.Fatal(err)
	}
	var first *harness.Answer
	for _, c := range list {
		if err := c.round(10); err != nil {
			t.Error(err)
		}
		a := harness.Ask(c.handler, c.request)
		if !a.Hit() || len(a.Body) != c.bytes || a.Status != c.status {
			t.Errorf("%s: %d %v, %d bytes", c.name, a.Status, a.Header(), len(a.Body))
		}
		if c.request.URL.Path != "/page" || c.status != http.StatusOK {
			continue
		}
		a.Header().Set("Age", "0")
		a.Header().Set("Cache-Status", "unstale;hit")
		if first == nil {
			first = a
		} else if !reflect.DeepEqual(a, first) {
			t.Errorf("%s answers %v, %s %v", c.name, a.Header(), list[0].name, first.Header())
		}
	}
	list[0].bytes++
	if err := list[0].round(1); err == nil {
		t.Error("a wrong number of bytes went unnoticed")
	}
}

func TestCheckTable(t *testing.T) {
	t.Parallel()
	const line = "BenchmarkCheckProcessor/slots=16/flux=false-2   1000   200.5 ns/op   120.5 cpu-ns/op   0 B/op   0 allocs/op\n"
	table, note, err := checkTable("goos: linux\n" + line + line)
	if err != nil || len(table.Rows) != 1 || table.Rows[0][1] != "120 (120 to 120)" || !strings.HasSuffix(note, "target at most 150: met; allocations: 0") {
		t.Errorf("%+v %q %v", table, note, err)
	}
	if _, _, err := checkTable("PASS\n"); err == nil {
		t.Error("a benchmark that is gone went unnoticed")
	}
}
