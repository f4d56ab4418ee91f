package notebook

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/unstale/unstale/bench/harness"
)

func TestMain(m *testing.M) {
	harness.Play(Role) // the test binary is its own server
	goleak.VerifyTestMain(m)
}

// TestMeasure is a short measurement, in which nothing may be wrong.
func TestMeasure(t *testing.T) {
	t.Parallel()
	sec, err := measure(t.Context(), &harness.Settings{Seed: 1, Connections: 2, Round: 10 * time.Millisecond, Load: time.Second, Rate: 100}, 0.1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	text := sec.Markdown()
	t.Log(text)
	if len(sec.Tables) != 3 || len(sec.Tables[2].Rows) != 5 || !strings.Contains(text, "violations 0") {
		t.Error(text)
	}
}

// A liar lies when it has been asked for a while.
type liar struct {
	next http.Handler
	lie  func(first, now []byte) []byte

	mu    sync.Mutex
	asked int
	first map[string][]byte
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		l.next.ServeHTTP(w, r)
		return
	}
	a := harness.Ask(l.next, r)
	if a.Status == 0 {
		return // nobody waits any longer
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := r.Header.Get("Authorization") + " " + r.URL.String()
	if l.first[key] == nil {
		l.first[key] = a.Body
	}
	if l.asked++; l.asked > 40 {
		a.Body = l.lie(l.first[key], a.Body)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// TestCheckFindsOut has notebooks that are stale, in single cards and in lists,
// and one that damages answers.
func TestCheckFindsOut(t *testing.T) {
	t.Parallel()
	var r ready
	h, db, err := open(context.Background(), settings{Seed: 1, Scale: 0.1, Requests: 100}, &r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	checker, err := newChecker(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	list := []byte(`"data":[`)
	for _, c := range []struct {
		name, want string
		length     time.Duration // at most
		lie        func(first, now []byte) []byte
	}{
		{"a stale card", "exit status 1", time.Minute, func(first, now []byte) []byte {
			if bytes.Contains(now, list) {
				return now
			}
			return first
		}},
		{"a stale list", "exit status 1", time.Minute, func(first, now []byte) []byte {
			if bytes.Contains(now, list) {
				return first
			}
			return now
		}},
		{"half an answer", "unstale check", 2 * time.Second, func(_, now []byte) []byte { return now[:len(now)/2] }},
	} {
		addr, closeServer, err := harness.Serve(&liar{next: h, lie: c.lie, first: map[string][]byte{}})
		if err != nil {
			t.Fatal(err)
		}
		at := r
		at.Addr = addr
		said, err := check(t.Context(), checker, &at, &harness.Settings{Seed: 1, Load: c.length, Rate: 20})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %s", c.name, err, said)
		}
		if err := closeServer(); err != nil {
			t.Error(err)
		}
	}
}
