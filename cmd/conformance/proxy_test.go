package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestProxy holds the proxy to what it is for: what the origin bounds is stored,
// whether it comes with a length or not, and nothing else.
func TestProxy(t *testing.T) {
	hourAgo := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	ahead := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		name           string
		status         int
		fields         string // "Name: value", separated by "|"
		hit, heuristic bool   // whether the second answer is one, and with -heuristic
	}{
		{"nothing said", 200, "", false, false},
		{"max-age", 200, "Cache-Control: max-age=60", true, true},
		{"s-maxage", 200, "Cache-Control: s-maxage=60", true, true},
		{"Expires", 200, "Expires: " + ahead, true, true},
		{"within quotes", 200, `Cache-Control: x="max-age=60"`, false, false},
		{"ended", 200, "Cache-Control: max-age=60|Age: 60", false, false},
		{"no-store", 200, "Cache-Control: max-age=60, no-store", false, false},
		{"Last-Modified", 200, "Last-Modified: " + hourAgo, false, true},
		{"Last-Modified ahead", 200, "Last-Modified: " + ahead, false, false},
		{"an error", 503, "Cache-Control: max-age=60", true, true},
		{"an error that is not bounded", 503, "Last-Modified: " + hourAgo, false, false},
		{"in chunks", 200, "Cache-Control: max-age=60|X-Flush: 1", true, true},
	} {
		for _, heuristic := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %t", tt.name, heuristic), func(t *testing.T) {
				var asked atomic.Int64
				get := through(t, heuristic, func(w http.ResponseWriter, _ *http.Request) {
					for f := range strings.SplitSeq(tt.fields, "|") {
						if name, value, ok := strings.Cut(f, ": "); ok {
							w.Header().Set(name, value)
						}
					}
					w.WriteHeader(tt.status)
					if w.Header().Get("X-Flush") != "" {
						_ = http.NewResponseController(w).Flush()
					}
					fmt.Fprint(w, asked.Add(1))
				})
				for i := range 2 {
					want := "1"
					if hit := tt.hit && !heuristic || tt.heuristic && heuristic; i == 1 && !hit {
						want = "2"
					}
					if status, body := get(); status != tt.status || body != want {
						t.Errorf("answer %d: %d %q, want %d %q", i+1, status, body, tt.status, want)
					}
				}
			})
		}
	}
}

// through returns a function that asks an origin through a proxy.
func through(t *testing.T, heuristic bool, origin http.HandlerFunc) (get func() (status int, body string)) {
	t.Helper()
	server := httptest.NewServer(origin)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProxy(u, heuristic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func() (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Error(err)
		}
		return res.StatusCode, string(body)
	}
}
