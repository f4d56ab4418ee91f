package unstale_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// What is stored, by what the handler says.
func TestWhatIsStored(t *testing.T) {
	future := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		name   string
		code   int
		fields string // "Name: value", separated by "|"
		hit    bool
	}{
		{"plain", 200, "", true},
		{"max-age", 200, "Cache-Control: max-age=60", true},
		{"public", 200, "Cache-Control: public", true},
		{"s-maxage", 200, "Cache-Control: s-maxage=60, max-age=0", true},
		{"expires", 200, "Expires: " + future, true},
		{"last-modified", 200, "Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT", true},
		{"not found", 404, "", true},
		{"gone", 410, "", true},
		{"moved", 301, "Location: /b", true},
		{"found, with a lifetime", 302, "Location: /b|Cache-Control: max-age=60", true},
		{"no content", 204, "", true},

		{"max-age=0", 200, "Cache-Control: max-age=0", false},
		{"s-maxage=0", 200, "Cache-Control: s-maxage=0, max-age=60", false},
		{"no-store", 200, "Cache-Control: no-store", false},
		{"no-store among others", 200, "Cache-Control: max-age=60|Cache-Control: foo, No-Store", false},
		{"no-cache", 200, "Cache-Control: no-cache", false},
		{"no-cache for a field", 200, `Cache-Control: max-age=60, no-cache="x"`, false},
		{"private", 200, "Cache-Control: private, max-age=60", false},
		{"malformed", 200, `Cache-Control: max-age=60, "`, false},
		{"invalid max-age", 200, "Cache-Control: max-age=soon", false},
		{"expired", 200, "Expires: Mon, 02 Jan 2006 15:04:05 GMT", false},
		{"expires never", 200, "Expires: 0", false},
		{"old already", 200, "Cache-Control: max-age=60|Age: 61", false},
		{"cookie", 200, "Set-Cookie: a=b|Cache-Control: public, max-age=60", false},
		{"vary star", 200, "Vary: *", false},
		{"vary cookie", 200, "Vary: Cookie", false},
		{"vary authorization", 200, "Vary: Accept, authorization", false},
		{"trailer", 200, "Trailer: X-Sum", false},
		{"pragma", 200, "Pragma: no-cache", false},
		{"server error", 500, "Cache-Control: max-age=60", false},
		{"bad request", 400, "Cache-Control: max-age=60", false},
		{"not acceptable", 406, "Cache-Control: max-age=60", false},
		{"unavailable for legal reasons", 451, "Cache-Control: max-age=60", false},
		{"forbidden, with a lifetime", 403, "Cache-Control: max-age=60", true},
		{"unavailable", 503, "", false},
		{"range made by the handler", 206, "Content-Range: bytes 0-0/5|Cache-Control: max-age=60", false},
		{"found", 302, "Location: /b", false},
		{"forbidden", 403, "", false},
		{"unauthorized", 401, "Cache-Control: max-age=60", false},
		{"too many requests", 429, "Cache-Control: max-age=60", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			s, _ := cached(t, known(func(w http.ResponseWriter, _ *http.Request) {
				runs.Add(1)
				for f := range strings.SplitSeq(tt.fields, "|") {
					if name, value, ok := strings.Cut(f, ": "); ok {
						w.Header().Add(name, value)
					}
				}
				w.WriteHeader(tt.code)
				if tt.code != http.StatusNoContent {
					io.WriteString(w, "x")
				}
			}))
			for range 2 {
				if a := s.get("/"); a.code != tt.code {
					t.Errorf("%d", a.code)
				}
			}
			if n := runs.Load(); (n == 1) != tt.hit {
				t.Errorf("the handler ran %d times", n)
			}
			if a := s.get("/"); a.status(t).hit != tt.hit || a.code != tt.code {
				t.Errorf("%d %q", a.code, a.header["Cache-Status"])
			}
		})
	}
}

func TestReasonsForNotStoring(t *testing.T) {
	for reason, h := range map[string]http.HandlerFunc{
		"nothing known": func(http.ResponseWriter, *http.Request) {},
		"incomplete":    known(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5") }),
		"streamed":      known(func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }),
		"set-cookie":    known(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "a=b") }),
		"no-store":      known(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "no-store") }),
		"status":        known(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }),
		"vary":          known(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "*") }),
		"varies by credentials": known(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Vary", "Cookie")
		}),
		"expired at once":    known(func(_ http.ResponseWriter, r *http.Request) { unstale.ExpireAfter(r.Context(), 0) }),
		"no-store requested": known(func(_ http.ResponseWriter, r *http.Request) { unstale.NoStore(r.Context()) }),
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s, c := cached(t, h)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
			if res, err := s.client.Do(req); err == nil {
				answer{header: res.Header}.wantRefused(t, reason)
				_, _ = io.Copy(io.Discard, res.Body) // it ends when the handler has returned
				res.Body.Close()
			}
			if n := c.Stats().Refused[reason]; n != 1 {
				t.Errorf("counted: %v", c.Stats().Refused)
			}
			if e := c.Stats().Store.Entries; e != 0 && reason != "streamed" {
				t.Errorf("%d entries", e)
			}
		})
	}
}

func TestVary(t *testing.T) {
	var runs atomic.Int64
	s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		runs.Add(1)
		w.Header().Add("Vary", "referer")
		if r.Header.Get("Referer") == "b" {
			w.Header().Add("Vary", "Accept-Language, REFERER")
		}
		fmt.Fprintf(w, "%q %q", r.Header["Referer"], r.Header["Accept-Language"])
	}))
	requests := [][]string{
		{}, {"Referer: a"}, {"Referer: "}, {"Referer: a", "Referer: b"}, {"Referer: b"},
		{"Referer: b", "Accept-Language: de"}, {"Referer: b", "Accept-Language: en"}, {"Referer: a", "Accept-Language: de"},
	}
	want := make([]string, len(requests))
	for round := range 4 {
		for i, fields := range requests {
			a := s.get("/", fields...)
			if round == 0 {
				want[i] = a.body
			}
			if a.body != want[i] {
				t.Errorf("round %d, %q: %s, want %s", round, fields, a.body, want[i])
			}
			if round >= 2 {
				a.wantHit(t) // the choice has grown as far as it does
			}
		}
	}
	if want[5] == want[6] || want[5] == want[7] {
		t.Errorf("%q", want)
	}
	n := runs.Load()
	if st := s.get("/", "Referer: z").status(t); st.fwd != "vary-miss" || !st.stored {
		t.Errorf("%+v", st)
	}
	if runs.Load() != n+1 {
		t.Errorf("%d runs", runs.Load()-n)
	}
}

// An invalidation concerns every variant.
func TestVariantsFallTogether(t *testing.T) {
	s, c := cached(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		w.Header().Set("Vary", "Accept")
	}))
	for _, target := range []unstale.Target{
		unstale.Tag("x"), unstale.Key("http:GET " + s.Listener.Addr().String() + " /"), unstale.Pattern("*"),
	} {
		for range 2 {
			s.get("/", "Accept: a")
			s.get("/", "Accept: b")
		}
		s.get("/", "Accept: b").wantHit(t)
		if err := c.Invalidate(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		s.get("/", "Accept: a").wantMiss(t)
		s.get("/", "Accept: b").wantMiss(t)
	}
}

// Fields in which frameworks find the URL select answers whether or not the
// answer says so, and one that changes the method goes past the cache.
func TestPoisoning(t *testing.T) {
	s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		for _, name := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server"} {
			if v := r.Header.Get(name); v != "" {
				host = v
			}
		}
		fmt.Fprintf(w, "<a href=%q>", r.Header.Get("X-Forwarded-Proto")+"://"+host+r.Header.Get("X-Forwarded-Prefix")+
			r.Header.Get("X-Original-Url")+r.URL.Scheme+r.URL.Host)
	}))
	clean := s.get("/")
	for _, f := range []string{
		"X-Forwarded-Host: evil.example", "X-Host: evil.example", "X-Original-Host: evil.example",
		"X-Forwarded-Server: evil.example", "X-Forwarded-Proto: gopher", "X-Forwarded-Prefix: /evil", "X-Original-Url: /evil",
	} {
		if a := s.get("/", f).wantMiss(t); a.body == clean.body {
			t.Errorf("%s has no effect: %s", f, a.body)
		}
		if a := s.get("/"); a.body != clean.body {
			t.Errorf("%s poisoned: %s", f, a.body)
		}
	}
	if a := s.get("/", "X-Forwarded-Proto: gopher"); !strings.Contains(a.body, "gopher") {
		t.Errorf("%s", a.body)
	}
	for range 2 {
		if st := s.get("/", "X-HTTP-Method-Override: DELETE").status(t); st.fwd != "bypass" {
			t.Errorf("%+v", st)
		}
	}
	// The absolute form names a host and a scheme of its own.
	proxied := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(s.URL) }}
	defer proxied.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/", nil)
	res, err := proxied.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) == clean.body {
		t.Errorf("the absolute form was not seen: %s", b)
	}
	if a := s.get("/"); a.body != clean.body {
		t.Errorf("poisoned: %s", a.body)
	}
}

// A store of a hundredth of the working set evicts all the time, and every
// answer is right.
func TestEviction(t *testing.T) {
	const keys, size = 1000, 2000
	var version atomic.Int64
	s, c := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s at %d %s", r.URL.Query().Get("id"), version.Load(), strings.Repeat("x", size))
	}), unstale.Options{MaxBytes: keys * size / 100})
	for i := range 3000 {
		if i%10 == 0 {
			version.Add(1)
			if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
				t.Fatal(err)
			}
		}
		id := fmt.Sprint(i / 2 * 7 % keys) // everything is asked for twice in a row
		want := fmt.Sprintf("%s at %d ", id, version.Load())
		if a := s.get("/?id=" + id); !strings.HasPrefix(a.body, want) || len(a.body) != len(want)+size {
			t.Fatalf("%.20q, want %q", a.body, want)
		}
	}
	st := c.Stats()
	if st.Store.Evictions == 0 || st.Store.Bytes > st.Store.MaxBytes || st.Routes[""].Hits == 0 {
		t.Errorf("%+v, %d hits", st.Store, st.Routes[""].Hits)
	}
}

// TestStoredFieldsAreApart edits, and appends to, all fields of an answer, whose
// values lie side by side with those of the next field. Neither the other fields
// nor what is stored is touched by that.
func TestStoredFieldsAreApart(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	names := []string{"X-A", "X-B", "Link"}
	outside := []string{"outside", "spare", "spare"} // of whose room only the first is the field's
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		w.Header()["X-None"] = nil // net/http takes it as "do not add this field"
		w.Header()["X-Empty"] = []string{""}
		for _, name := range names {
			w.Header()[name] = []string{name + " first", name + " second"}
		}
	}))
	for i := range 4 {
		w := httptest.NewRecorder()
		if i%2 == 1 {
			w.Header()["Link"] = outside[:1]
		}
		h.ServeHTTP(w, request(http.MethodGet, "/"))
		got := w.Header()
		for _, name := range names {
			want := []string{name + " first", name + " second"}
			if outside[1] != "spare" {
				t.Errorf("answer %d: memory of others was written to: %q", i, outside)
			}
			if !slices.Equal(got[name], want) {
				t.Errorf("answer %d: %s is %q, want %q", i, name, got[name], want)
			}
		}
		if none, ok := got["X-None"]; !ok || none != nil || !slices.Equal(got["X-Empty"], []string{""}) || !slices.Equal(got["Accept-Ranges"], []string{"bytes"}) {
			t.Errorf("answer %d: %q", i, got)
		}
		before := got.Clone()
		for name := range before {
			got[name] = append(got[name], "appended") // as middleware outside may do
			for other, values := range before {
				if other != name && !slices.Equal(got[other][:len(values)], values) {
					t.Errorf("answer %d: %s is %q now that %s was appended to", i, other, got[other], name)
				}
			}
		}
		for _, values := range got {
			for j := range values {
				values[j] = "edited"
			}
		}
	}
}
