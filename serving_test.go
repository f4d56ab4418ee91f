package unstale_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

func TestHitsReplayTheAnswer(t *testing.T) {
	n := 0
	s, _ := cached(t, known(func(w http.ResponseWriter, _ *http.Request) {
		n++
		h := w.Header()
		h.Set("Content-Type", "application/x-made-up")
		h.Set("X-Own", "kept")
		h.Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
		h.Set("X-Request-Id", strconv.Itoa(n))
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		io.WriteString(w, "body")
	}))
	first := s.get("/a").wantMiss(t)
	if st := first.status(t); !st.stored || st.fwd != "uri-miss" {
		t.Errorf("%+v", st)
	}
	hit := s.get("/a").wantHit(t)
	if hit.body != "body" || hit.header.Get("X-Own") != "kept" || hit.header.Get("Content-Type") != "application/x-made-up" {
		t.Errorf("%q %v", hit.body, hit.header)
	}
	if hit.header.Get("Date") != "Mon, 02 Jan 2006 15:04:05 GMT" {
		t.Errorf("the answer was made at another time: %v", hit.header)
	}
	if hit.header["X-Request-Id"] != nil || hit.header["X-Hop"] != nil {
		t.Errorf("replayed what belongs to one answer: %v", hit.header)
	}
	if first.header.Get("X-Request-Id") != "1" {
		t.Errorf("the first answer is the handler's own: %v", first.header)
	}
	if hit.header.Get("Cache-Control") != "no-cache" || hit.header.Get("Content-Length") != "4" || hit.header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("%v", hit.header)
	}
	if age, err := strconv.Atoi(hit.header.Get("Age")); err != nil || age < 1e8 { // the handler's Date is old
		t.Errorf("Age %q", hit.header.Get("Age"))
	}
	if head := s.do(http.MethodHead, "/a").wantHit(t); head.header.Get("Content-Length") != "4" || head.body != "" ||
		head.header.Get("Etag") != hit.header.Get("Etag") {
		t.Errorf("HEAD: %v", head.header)
	}
	if n != 1 {
		t.Errorf("the handler ran %d times", n)
	}
}

// HEAD is answered from what a GET has left. Without that the handler gets it, and
// nothing is stored.
func TestHead(t *testing.T) {
	var runs atomic.Int64
	s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		runs.Add(1)
		w.Header().Set("X-Method", r.Method)
		io.WriteString(w, "body")
	}))
	for range 2 {
		a := s.do(http.MethodHead, "/a").wantMiss(t)
		if st := a.status(t); a.header.Get("X-Method") != "HEAD" || st.stored || st.fwd != "uri-miss" {
			t.Errorf("%v", a.header)
		}
	}
	s.get("/a").wantMiss(t)
	if a := s.do(http.MethodHead, "/a").wantHit(t); a.header.Get("X-Method") != "GET" || a.header.Get("Content-Length") != "4" || a.body != "" {
		t.Errorf("%v", a.header)
	}
	if runs.Load() != 3 {
		t.Errorf("%d runs", runs.Load())
	}
}

// Conditions and ranges, from a stored answer and from one being made.
func TestConditionsAndRanges(t *testing.T) {
	const tag = `"v1"`
	for _, tt := range []struct {
		name   string
		method string
		fields []string
		code   int
		body   string
		header string // "Name: value" that the answer has
	}{
		{"same tag", "GET", []string{`If-None-Match: "v1"`}, 304, "", "Etag: " + tag},
		{"weak form of the tag", "GET", []string{`If-None-Match: W/"v1"`}, 304, "", ""},
		{"in a list", "GET", []string{`If-None-Match: "v0", W/"x" , "v1"`}, 304, "", ""},
		{"in two lines", "GET", []string{`If-None-Match: "v0"`, `If-None-Match: "v1"`}, 304, "", ""},
		{"star", "GET", []string{"If-None-Match: *"}, 304, "", ""},
		{"HEAD", "HEAD", []string{`If-None-Match: "v1"`}, 304, "", ""},
		{"other tag", "GET", []string{`If-None-Match: "v2"`}, 200, "0123456789", ""},
		{"malformed", "GET", []string{"If-None-Match: v1"}, 200, "0123456789", ""},
		{"date alone is not believed", "GET", []string{"If-Modified-Since: Mon, 02 Jan 2034 15:04:05 GMT"}, 200, "0123456789", ""},
		{"condition before range", "GET", []string{`If-None-Match: "v1"`, "Range: bytes=0-1"}, 304, "", ""},

		{"range", "GET", []string{"Range: bytes=2-4"}, 206, "234", "Content-Range: bytes 2-4/10"},
		{"to the end", "GET", []string{"Range: bytes=7-"}, 206, "789", "Content-Length: 3"},
		{"beyond the end", "GET", []string{"Range: bytes=7-99"}, 206, "789", "Content-Range: bytes 7-9/10"},
		{"suffix", "GET", []string{"Range: bytes=-2"}, 206, "89", "Content-Range: bytes 8-9/10"},
		{"long suffix", "GET", []string{"Range: bytes=-99"}, 206, "0123456789", "Content-Range: bytes 0-9/10"},
		{"unsatisfiable", "GET", []string{"Range: bytes=10-"}, 416, "", "Content-Range: bytes */10"},
		{"nothing of it", "GET", []string{"Range: bytes=-0"}, 416, "", "Cache-Control: no-store"},
		{"several", "GET", []string{"Range: bytes=0-1,3-4"}, 200, "0123456789", ""},
		{"backwards", "GET", []string{"Range: bytes=4-2"}, 200, "0123456789", ""},
		{"other unit", "GET", []string{"Range: lines=1-2"}, 200, "0123456789", ""},
		{"HEAD knows no range", "HEAD", []string{"Range: bytes=2-4"}, 200, "", "Content-Length: 10"},
		{"If-Range holds", "GET", []string{`If-Range: "v1"`, "Range: bytes=2-4"}, 206, "234", ""},
		{"If-Range fails", "GET", []string{`If-Range: "v0"`, "Range: bytes=2-4"}, 200, "0123456789", ""},
		{"If-Range is never weak", "GET", []string{`If-Range: W/"v1"`, "Range: bytes=2-4"}, 200, "0123456789", ""},
		{"If-Range with a date", "GET", []string{"If-Range: Mon, 02 Jan 2034 15:04:05 GMT", "Range: bytes=2-4"}, 200, "0123456789", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
				for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
					if r.Header[name] != nil {
						t.Errorf("the handler saw %s", name)
					}
				}
				if r.Method != http.MethodGet {
					t.Errorf("the handler saw %s", r.Method)
				}
				w.Header().Set("Content-Type", "text/plain")
				w.Header().Set("Content-Language", "en")
				w.Header().Set("Etag", tag)
				w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
				w.Header().Set("Cache-Control", "max-age=60")
				w.Header().Set("X-Own", "1")
				io.WriteString(w, "0123456789")
			}))
			cold := tt.method == http.MethodGet && !slices.ContainsFunc(tt.fields, func(f string) bool { return strings.HasPrefix(f, "Range:") })
			if !cold {
				s.get("/a").wantMiss(t)
			}
			for _, hit := range []bool{!cold, true} {
				a := s.do(tt.method, "/a", tt.fields...)
				if a.status(t).hit != hit {
					t.Errorf("Cache-Status %q", a.header["Cache-Status"])
				}
				if a.code != tt.code || a.body != tt.body || a.failed {
					t.Errorf("hit %t: %d %q", hit, a.code, a.body)
				}
				if name, value, ok := strings.Cut(tt.header, ": "); ok && a.header.Get(name) != value {
					t.Errorf("hit %t: %v, want %s", hit, a.header, tt.header)
				}
				if tt.code == 304 || tt.code == 416 {
					for _, name := range []string{"Content-Type", "Content-Language", "Last-Modified"} {
						if a.header[name] != nil {
							t.Errorf("hit %t: %s on %d", hit, name, a.code)
						}
					}
				}
				if tt.code == 416 && a.header["Etag"] != nil {
					t.Errorf("Etag on 416")
				}
				if a.header.Get("X-Own") != "1" {
					t.Errorf("lost a field: %v", a.header)
				}
			}
		})
	}
}

func TestOnlyWholeAnswersAreConditional(t *testing.T) {
	s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/cut":
			w.Header().Set("Content-Length", "20")
			w.Header().Set("Etag", `"v1"`)
		}
		io.WriteString(w, "0123456789")
	}))
	for range 2 {
		if a := s.get("/missing", "If-None-Match: *", "Range: bytes=0-1"); a.code != 404 || a.body != "0123456789" {
			t.Errorf("%d %q", a.code, a.body)
		}
		if a := s.get("/cut", "Range: bytes=0-1"); a.code != 200 || !a.failed {
			t.Errorf("%d %q %v", a.code, a.body, a.header)
		}
		if a := s.get("/cut", "If-None-Match: *"); a.code != 200 || !a.failed {
			t.Errorf("%d %q %v", a.code, a.body, a.header)
		}
	}
}

func TestIfModifiedSinceIsOptIn(t *testing.T) {
	_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{IfModifiedSince: true})
	s := newServer(t, handler(known(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		io.WriteString(w, "x")
	})))
	for range 2 {
		if a := s.get("/", "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT"); a.code != 304 {
			t.Errorf("%d", a.code)
		}
		if a := s.get("/", "If-Modified-Since: Mon, 02 Jan 2006 15:04:04 GMT"); a.code != 200 {
			t.Errorf("%d", a.code)
		}
	}
}

// Preconditions that a cache may not evaluate reach the handler.
func TestPreconditionsPass(t *testing.T) {
	s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		http.ServeContent(w, r, "a", time.Time{}, strings.NewReader("x"))
	}))
	s.get("/")
	if a := s.get("/", `If-Match: "v2"`); a.code != http.StatusPreconditionFailed || a.status(t).fwd != "bypass" {
		t.Errorf("%d %q", a.code, a.header["Cache-Status"])
	}
}

func TestTagsFollowTheContent(t *testing.T) {
	var h counter
	s, c := cached(t, &h)
	tag := s.get("/").header.Get("Etag")
	if len(tag) < 10 || tag[0] != '"' {
		t.Fatalf("Etag %q is not strong", tag)
	}
	if a := s.get("/", "If-None-Match: "+tag).wantHit(t); a.code != 304 {
		t.Errorf("%d", a.code)
	}
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/", "If-None-Match: "+tag).wantMiss(t); a.code != 200 || a.body != "n=2" || a.header.Get("Etag") == tag {
		t.Errorf("%d %q %v", a.code, a.body, a.header)
	}
}

// A tag in a field name of another spelling is the handler's tag all the same.
func TestTagsWrittenPastTheMethods(t *testing.T) {
	s, _ := cached(t, known(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["ETag"] = []string{`"own"`}
		io.WriteString(w, "x")
	}))
	for range 2 {
		if a := s.get("/"); len(a.header["Etag"]) != 1 || a.header.Get("Etag") != `"own"` {
			t.Errorf("%v", a.header)
		}
	}
}

func TestRequestDirectives(t *testing.T) {
	s, _ := cached(t, known(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=100")
		w.Header().Set("Age", "10")
		io.WriteString(w, "x")
	}))
	if a := s.get("/", "Cache-Control: only-if-cached"); a.code != http.StatusGatewayTimeout || a.status(t).fwd != "uri-miss" {
		t.Errorf("%d %q", a.code, a.header["Cache-Status"])
	}
	s.get("/").wantMiss(t)
	if st := s.get("/").wantHit(t).status(t); st.ttl < 80 || st.ttl > 90 {
		t.Errorf("ttl=%d", st.ttl)
	}
	for field, hit := range map[string]bool{
		"Cache-Control: max-age=60":          true,
		"Cache-Control: min-fresh=60":        true,
		"Cache-Control: max-stale=60":        true,
		"Cache-Control: only-if-cached":      true,
		"Cache-Control: no-transform":        true,
		"Cache-Control: max-age=5":           false,
		"Cache-Control: min-fresh=95":        false,
		"Cache-Control: no-cache":            false,
		"Cache-Control: no-store":            false,
		"Cache-Control: \"":                  false,
		"Pragma: no-cache":                   false,
		"Cache-Control: max-age=0, no-store": false,
	} {
		a := s.get("/", field)
		if st := a.status(t); st.hit != hit {
			t.Errorf("%s: %q", field, a.header["Cache-Status"])
		}
	}
	if a := s.get("/", "Cache-Control: max-age=5, only-if-cached"); a.code != http.StatusGatewayTimeout || a.status(t).fwd != "request" {
		t.Errorf("%d %q", a.code, a.header["Cache-Status"])
	}
}

func TestNoStoreRequestsLeaveNothing(t *testing.T) {
	var h counter
	s, _ := cached(t, &h)
	s.get("/", "Cache-Control: no-store").wantMiss(t)
	s.get("/").wantMiss(t)
	for i, directive := range []string{"no-cache", "max-age=0, no-cache", "no-store"} {
		a := s.get("/", "Cache-Control: "+directive).wantMiss(t)
		if want := fmt.Sprintf("n=%d", i+3); a.body != want || a.status(t).stored {
			t.Errorf("%s: %q, want %q, and nothing stored", directive, a.body, want)
		}
		if a := s.get("/").wantHit(t); a.body != "n=2" {
			t.Errorf("%s: others get %q: a stranger renewed what is stored", directive, a.body)
		}
	}
}

// TestReload: where nothing is stored, a client that reloads fills like any other.
func TestReload(t *testing.T) {
	var h counter
	s, _ := cached(t, &h)
	s.get("/", "Cache-Control: no-cache").wantMiss(t)
	s.get("/").wantHit(t)
}

func TestBinaryBodies(t *testing.T) {
	body := make([]byte, 100_000)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	s, _ := cached(t, known(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(body); i += 777 {
			w.Write(body[i:min(i+777, len(body))])
		}
	}))
	for range 3 {
		if a := s.get("/"); a.body != string(body) {
			t.Fatal("another body")
		}
	}
	s.get("/").wantHit(t)
}

// TestRangesOfWhatIsNotStored reach the handler, which may have a large file, and
// leave nothing.
func TestRangesOfWhatIsNotStored(t *testing.T) {
	var ranges atomic.Int64
	s, _ := cached(t, known(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Range"] != nil {
			ranges.Add(1)
		}
		http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader("0123456789"))
	}))
	for range 2 {
		a := s.get("/", "Range: bytes=2-4").wantMiss(t)
		if a.code != http.StatusPartialContent || a.body != "234" || a.status(t).detail != "range of what is not stored" {
			t.Errorf("%d %q %q", a.code, a.body, a.header["Cache-Status"])
		}
	}
	s.get("/").wantMiss(t)
	if a := s.get("/", "Range: bytes=2-4").wantHit(t); a.body != "234" || ranges.Load() != 2 {
		t.Errorf("%q, after %d ranges at the handler", a.body, ranges.Load())
	}
}
