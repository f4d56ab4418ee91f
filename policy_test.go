package unstale_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// byPath names routes by the first segment of the path.
func byPath(r *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name
}

// TestPolicies: off, lifetime.
func TestPolicies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{TTL: time.Minute}, unstale.HandlerOptions{
			Route: byPath,
			Policies: map[string]unstale.Policy{
				"off": {Mode: unstale.ModeOff}, "short": {TTL: 2 * time.Second}, "long": {TTL: time.Hour},
			},
		})
		db := newToy(c)
		n := 0
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			unknown := r.URL.Query().Get("unknown")
			if unknown != "1" {
				db.get(r.Context(), "x")
			}
			if unknown == "load" {
				load(r.Context(), t, c, "k", func(context.Context) (int, error) { return 0, nil })
			}
			if v := r.URL.Query().Get("cc"); v != "" {
				w.Header().Set("Cache-Control", v)
			}
			n++
			write(w, fmt.Sprint(n))
		}))
		for _, target := range []string{"/off", "/short", "/long", "/other"} {
			get(h, target)
		}
		n = 100
		get(h, "/off").want(t, "101", false)
		get(h, "/short").want(t, "2", true)
		get(h, "/long").want(t, "3", true)
		get(h, "/other").want(t, "4", true)
		time.Sleep(2*time.Second - 1)
		get(h, "/short").want(t, "2", true)
		time.Sleep(time.Nanosecond)
		get(h, "/short").want(t, "102", false)
		time.Sleep(58*time.Second - 1)
		get(h, "/other").want(t, "4", true)
		time.Sleep(time.Nanosecond)
		get(h, "/other").want(t, "103", false)
		get(h, "/long").want(t, "3", true)
		time.Sleep(59*time.Minute - 1)
		get(h, "/long").want(t, "3", true)
		db.set("x", "") // a lifetime is no promise
		get(h, "/long").want(t, "104", false)

		// What nothing is known of is stored where the operator says so, alone.
		get(h, "/other?unknown=1").want(t, "105", false)
		get(h, "/other?unknown=1").want(t, "106", false)
		get(h, "/long?unknown=1").want(t, "107", false)
		get(h, "/long?unknown=1").want(t, "107", true)
		get(h, "/other?unknown=load").want(t, "108", false)
		get(h, "/other?unknown=load").want(t, "109", false)
		get(h, "/long?unknown=load").want(t, "110", false)
		get(h, "/long?unknown=load").want(t, "110", true)
		n = 107
		get(h, "/long?cc=no-store").want(t, "108", false)
		get(h, "/long?cc=no-store").want(t, "109", false)
		get(h, "/long?cc=max-age%3D5").want(t, "110", false)
		time.Sleep(5 * time.Second)
		get(h, "/long?cc=max-age%3D5").want(t, "111", false)
	})
}

// TestPolicyStoreErrors: errors that bound their own life are stored where the
// policy says so, and end with it.
func TestPolicyStoreErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
			Route:    byPath,
			Policies: map[string]unstale.Policy{"errors": {StoreErrors: true}},
		})
		n := 0
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			n++
			w.Header().Set("Cache-Control", r.FormValue("cc"))
			status, _ := strconv.Atoi(r.FormValue("status"))
			w.WriteHeader(status)
			write(w, strconv.Itoa(n))
		}))
		ask := func(route string, status int, cc string) reply {
			return get(h, fmt.Sprintf("/%s?status=%d&cc=%s", route, status, cc))
		}
		for _, tt := range []struct {
			status        int
			cc            string
			errors, other bool // stored
		}{
			{400, "max-age=5", true, false},
			{405, "max-age=5", true, false},
			{406, "s-maxage=5", true, false},
			{414, "max-age=5", true, false},
			{415, "max-age=5", true, false},
			{451, "max-age=5", true, false},
			{499, "max-age=5", true, false},
			{500, "max-age=5", true, false},
			{503, "max-age=5", true, false},
			{599, "max-age=5", true, false},
			{404, "max-age=5", true, true},
			{403, "max-age=5", true, true},
			{503, "public", false, false}, // for how long
			{503, "no-store", false, false},
			{429, "max-age=5", false, false},
			{401, "max-age=5", false, false},
			{599, "max-age=5,must-understand", false, false},
		} {
			for route, stored := range map[string]bool{"errors": tt.errors, "other": tt.other} {
				first := ask(route, tt.status, tt.cc)
				if second := ask(route, tt.status, tt.cc); second.hit() != stored || second.code != tt.status {
					t.Errorf("%s %d %s: %d %s", route, tt.status, tt.cc, second.code, second.status)
				}
				time.Sleep(5 * time.Second)
				if third := ask(route, tt.status, tt.cc); third.hit() || third.body == first.body {
					t.Errorf("%s %d %s, later: %s", route, tt.status, tt.cc, third.status)
				}
			}
		}
	})
}

// TestPolicyTTLBoundsNothingElse: an answer's own end comes first.
func TestPolicyTTLBoundsNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: map[string]unstale.Policy{"": {TTL: time.Hour}}})
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			unstale.ExpireAfter(r.Context(), time.Second)
			unstale.ExpireAfter(r.Context(), time.Minute) // only ever shortens
		}))
		get(h, "/").want(t, "", false)
		time.Sleep(time.Second - 1)
		get(h, "/").want(t, "", true)
		time.Sleep(time.Nanosecond)
		get(h, "/").want(t, "", false)
	})
}

// TestReportOnly serves nothing, and changes nothing but Cache-Status.
func TestReportOnly(t *testing.T) {
	t.Parallel()
	var book logbook
	options := unstale.HandlerOptions{
		Identity: byToken, Route: byPath,
		Policies: map[string]unstale.Policy{"": {Mode: unstale.ModeReportOnly, Shared: true}, "report": {Mode: unstale.ModeReportOnly, Shared: true}},
	}
	c, wrap := newService(t, unstale.Options{Logger: book.logger(), MaxBody: 100}, options)
	db := newToy(c)
	secret := "a"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := db.get(r.Context(), "x")
		w.Header().Set("X-Saw", w.Header().Get("X-Outer")+"|"+r.Header.Get("Authorization")+"|"+r.Header.Get("Cache-Control")+"|"+r.RemoteAddr)
		w.Header().Del("X-Dropped")
		_, deadline := r.Context().Deadline()
		w.Header().Set("X-Deadline", fmt.Sprint(deadline))
		w.Header().Set("Vary", "Accept")
		if r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusPartialContent)
			return
		}
		switch r.URL.Path {
		case "/report/secret":
			v += secret
		case "/report/stream":
			write(w, "part")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		case "/report/large":
			if n, err := io.Copy(w, strings.NewReader(strings.Repeat("x", 200))); n != 200 || err != nil {
				t.Error(n, err)
			}
			return
		case "/report/status":
			w.WriteHeader(http.StatusTeapot)
		case "/report/credentials":
			v += r.Header.Get("Authorization")
		case "/report/nothing":
			return
		}
		w.Header().Set("X-Late", "1")
		write(w, v)
	})
	outer := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Outer", "1")
			w.Header().Set("X-Dropped", "1")
			w.Header().Set("Vary", "Origin")
			ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			h.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	plain, report := outer(handler), outer(wrap(handler))
	serveFull := func(h http.Handler, target string, fields ...string) (*http.Response, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(http.MethodGet, target, fields...))
		return w.Result(), w.Body.String()
	}
	for _, path := range []string{"secret", "stream", "large", "status", "credentials", "nothing"} {
		for range 3 {
			for _, fields := range [][]string{nil, {"Authorization: x", "Cache-Control: max-age=5"}, {"If-None-Match: *", "Range: bytes=0-1"}} {
				want, wantBody := serveFull(plain, "/report/"+path, fields...)
				got, body := serveFull(report, "/report/"+path, fields...)
				if got.Header.Get("Cache-Status") == "" {
					t.Errorf("%s: no Cache-Status", path)
				}
				got.Header.Del("Cache-Status")
				if got.StatusCode != want.StatusCode || body != wantBody || !reflect.DeepEqual(got.Header, want.Header) {
					t.Errorf("%s %v: %d %v %q, want %d %v %q", path, fields, got.StatusCode, got.Header, body, want.StatusCode, want.Header, wantBody)
				}
			}
		}
	}

	c.ResetStats()
	db.set("x", "1") // what went before has fallen
	stats := func() unstale.RouteStats { return c.Stats().Routes["report"] }
	steps := []struct {
		do                    func()
		wouldHit, wouldDiffer uint64
	}{
		{func() {}, 0, 0},
		{func() {}, 1, 0},
		{func() { secret = "b" }, 2, 1}, // a hidden input
		{func() {}, 3, 1},               // the newer answer was stored
		{func() { get(report, "/report/secret", "Range: bytes=0-0") }, 5, 1}, // a part is no other answer
		{func() { db.set("x", "2") }, 5, 1},                                  // a known one
		{func() {}, 6, 1},
	}
	for i, step := range steps {
		step.do()
		if r := get(report, "/report/secret"); r.hit() || r.body != db.peek("x")+secret {
			t.Errorf("step %d: %q (%s)", i, r.body, r.status)
		}
		if s := stats(); s.WouldHit != step.wouldHit || s.WouldDiffer != step.wouldDiffer || s.Hits != 0 {
			t.Errorf("step %d: %d would have been hits, %d other answers; %d hits", i, s.WouldHit, s.WouldDiffer, s.Hits)
		}
	}
	if n := book.count(`route=report key="unstale:http:GET example.com /report/secret" what=body `); n != 1 {
		t.Errorf("the difference was reported %d times:\n%s", n, book.String())
	}
}

// TestPolicyOfOtherRoutes: a route that is not listed has the policy of all others.
func TestPolicyOfOtherRoutes(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
		Route:    byPath,
		Policies: map[string]unstale.Policy{"listed": {}},
		Policy:   unstale.Policy{Mode: unstale.ModeOff},
	})
	h := handler(known(func(http.ResponseWriter, *http.Request) {}))
	for range 2 {
		get(h, "/listed/1")
		get(h, "/other/1")
		get(h, "/another/1")
	}
	s := c.Stats().Routes
	if s["listed"].Hits != 1 || s["other"].Bypassed["route off"] != 2 || s["another"].Bypassed["route off"] != 2 {
		t.Errorf("%+v", s)
	}
}

// TestReportOnlyKeepsToItself: what a handler answered that saw credentials is
// served to nobody on another route.
func TestReportOnlyKeepsToItself(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
		Identity: byToken,
		Route:    func(r *http.Request) string { return r.Header.Get("X-Route") },
		Policies: map[string]unstale.Policy{"report": {Mode: unstale.ModeReportOnly}, "": {Shared: true}},
	})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, db.get(r.Context(), "x")+r.Header.Get("Authorization"))
	}))
	get(h, "/", "X-Route: report", "Authorization: alice").want(t, "alice", false)
	get(h, "/", "Authorization: bob").want(t, "", false)
	get(h, "/", "X-Route: report", "Authorization: alice").want(t, "alice", false)
	get(h, "/", "Authorization: bob").want(t, "", true)
}

// TestOff changes nothing and costs nothing.
func TestOff(t *testing.T) {
	t.Parallel()
	next := http.NotFoundHandler()
	off := newCache(t, unstale.Options{Off: true})
	for _, c := range []*unstale.Cache{off, nil} {
		if c.Enabled() {
			t.Error("enabled")
		}
		if got := c.Handler(next); reflect.ValueOf(got).Pointer() != reflect.ValueOf(next).Pointer() {
			t.Error("Handler does not return its argument")
		}
		calls := 0
		for range 2 {
			v, err := unstale.Load(t.Context(), c, "", func(context.Context) (map[string]int, error) {
				calls++
				return map[string]int{"n": calls}, nil
			})
			if err != nil || v["n"] != calls {
				t.Errorf("Load: %v, %v", v, err)
			}
		}
		if err := c.Invalidate(t.Context(), unstale.Tag("")); err != nil {
			t.Error(err)
		}
		c.InvalidateAsync(unstale.Tag("x"))
		c.ResetStats()
		if s := c.Stats(); s.Routes != nil || s.OpenFills != 0 {
			t.Errorf("stats: %v", s)
		}
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	unstale.DependOn(t.Context(), "x")
	unstale.NoStore(t.Context())
	unstale.ExpireAfter(t.Context(), time.Second)
}
