package unstale_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// outerThen serves h with fields that were set outside.
func outerThen(h http.Handler, fields http.Header) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), fields.Clone())
		h.ServeHTTP(w, r)
	})
}

// TestFieldsOutside: whatever a handler does to fields that stand outside, it has
// done to them on a hit, too, and to those of another request.
func TestFieldsOutside(t *testing.T) {
	t.Parallel()
	type H = http.Header
	for _, test := range []struct {
		name    string
		does    func(http.Header)
		outside []http.Header // of one request after the other
	}{
		{"nothing", func(http.Header) {}, []H{{"X-A": {"1"}, "Vary": {"Origin"}}, {"X-A": {"2"}}, {}}},
		{"sets", func(h H) { h.Set("X-A", "in") }, []H{{"X-A": {"1", "2"}}, {"X-A": {"in"}}, {}}},
		{"sets what stands there", func(h H) { h.Set("X-A", "1") }, []H{{"X-A": {"1"}}, {"X-A": {"2"}}, {}}},
		{"sets two", func(h H) { h["X-A"] = []string{"p", "q"} }, []H{{"X-A": {"1"}}, {}, {"X-A": {"2", "3"}}}},
		{"adds", func(h H) { h.Add("X-A", "in"); h.Add("Link", "in") }, []H{{"X-A": {"1"}}, {"X-A": {"2", "3"}}, {"X-A": {"in"}}}},
		{"adds to a list", func(h H) { h.Add("Vary", "X-In") }, []H{{"Vary": {"Origin"}}, {"Vary": {"Accept", "Origin"}}}},
		{"deletes", func(h H) { h.Del("X-A"); h.Del("Set-Cookie") }, []H{{"X-A": {"1"}, "Set-Cookie": {"a=b"}}, {"X-A": {"2"}, "Set-Cookie": {"c=d"}}, {}}},
		{"empties", func(h H) { h["X-A"] = nil; h["Set-Cookie"] = nil }, []H{{"X-A": {"1"}, "Set-Cookie": {"a=b"}}, {"X-A": {"2"}}}},
		{"edits in place", func(h H) {
			if len(h["X-A"]) > 0 {
				h["X-A"][0] = "edited"
			}
		}, []H{{"X-A": {"1"}}, {"X-A": {"2"}}}},
		{"writes past the methods", func(h H) { h["x-a"] = []string{"in"} }, []H{{"X-B": {"1"}}, {}}},
		{"content type", func(h H) { h.Set("Content-Type", "text/x-in") }, []H{{"Content-Type": {"application/json"}}, {}}},
		{"none of the fields that a cache adds", func(H) {}, []H{
			{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "Etag": {`"out"`}, "Accept-Ranges": {"none"}, "Date": {"Mon, 02 Jan 2006 15:04:05 GMT"}},
			{"Expires": {"0"}, "Content-Type": nil},
			{"Pragma": {"no-cache"}},
		}},
		{"reads", func(h H) { h.Set("X-Seen", h.Get("X-Nonce")) }, []H{{"X-Nonce": {"nonce-0001"}}, {"X-Nonce": {"nonce-0002"}}, {"X-Nonce": {"nonce-0001"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inner := known(func(w http.ResponseWriter, _ *http.Request) {
				test.does(w.Header())
				write(w, "body")
			})
			c := newCache(t, unstale.Options{})
			cached := c.Handler(inner)
			for round := range 2 {
				for i, fields := range test.outside {
					want := get(outerThen(inner, fields), "/").header
					got := get(outerThen(cached, fields), "/")
					if round == 1 && !got.hit() && test.name != "reads" {
						t.Errorf("request %d: no hit: %s", i, got.status)
					}
					for _, name := range []string{"Cache-Status", "Etag", "Age", "Cache-Control", "Accept-Ranges", "Content-Length"} {
						if want[name] == nil && fields["Expires"] == nil && fields["Pragma"] == nil || name != "Cache-Control" && want[name] == nil {
							delete(got.header, name)
						}
					}
					if !maps.EqualFunc(onTheWire(got.header), onTheWire(want), slices.Equal[[]string]) {
						t.Errorf("round %d, request %d: %v, without the cache %v", round, i, got.header, want)
					}
				}
			}
		})
	}
}

// onTheWire returns the fields that a client gets.
func onTheWire(h http.Header) http.Header {
	sent := make(http.Header)
	for name, values := range h {
		for _, v := range values {
			sent.Add(name, v)
		}
	}
	return sent
}

// TestRepeatsOutside: an answer that repeats what stands outside is given to nobody
// for whom something else stands there. It leaves nothing behind, and answers that
// repeat nothing are none of its business.
func TestRepeatsOutside(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			write(w, "<p>"+w.Header().Get("X-Nonce"))
			return
		}
		write(w, "<p>constant")
	}))
	for i := range 200 {
		nonce := fmt.Sprintf("nonce-%03d", i)
		get(outerThen(h, http.Header{"X-Nonce": {nonce}}), "/").want(t, "<p>"+nonce, false)
	}
	if n := c.Stats().Store.Entries; n != 1 {
		t.Errorf("%d entries", n)
	}
	// A stranger who sees to it that the answer repeats what stands outside gets it
	// once, and costs the others one fill.
	get(outerThen(h, http.Header{"X-Nonce": {"<p>constant"}}), "/constant").want(t, "<p>constant", false)
	for i := range 3 {
		get(outerThen(h, http.Header{"X-Nonce": {fmt.Sprintf("nonce-%03d", i)}}), "/constant").want(t, "<p>constant", i > 0)
	}
	get(outerThen(h, http.Header{"X-Nonce": {"<p>constant"}}), "/constant").want(t, "<p>constant", true)
	for round := range 2 {
		get(outerThen(h, http.Header{"X-Nonce": {"for all of them"}}), "/").want(t, "<p>for all of them", round > 0)
	}
}

// TestBytesThatLeave: where somebody outside may change the bytes, the cache
// neither gives parts nor says that its tag stands for them alone.
func TestBytesThatLeave(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) { write(w, strings.Repeat("x", 3000)) }))
	compressing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.ServeHTTP(w, r)
			return
		}
		z := gzip.NewWriter(w)
		w.Header().Set("Content-Encoding", "gzip")
		h.ServeHTTP(zipped{w, z}, r)
		_ = z.Close()
	})
	for _, protocol := range []bool{false, true} {
		direct, outer := newServer(t, h, protocol), newServer(t, compressing, protocol)
		for _, s := range []*server{direct, outer} {
			s.get("/")
			s.get("/", "Accept-Encoding: gzip")
			a := s.get("/", "Range: bytes=0-99").wantHit(t)
			if a.code != http.StatusPartialContent || len(a.body) != 100 || strings.HasPrefix(a.header.Get("Etag"), "W/") {
				t.Errorf("identity: %d, %d bytes, %v", a.code, len(a.body), a.header)
			}
			a = s.get("/", "Range: bytes=0-99", "Accept-Encoding: gzip").wantHit(t)
			whole := s == outer
			if whole != (a.code == http.StatusOK) || whole != strings.HasPrefix(a.header.Get("Etag"), "W/") || a.header["Accept-Ranges"] != nil {
				t.Errorf("whole %t: %d %v", whole, a.code, a.header)
			}
			tag := a.header.Get("Etag")
			if a := s.get("/", "If-None-Match: "+tag, "Accept-Encoding: gzip").wantHit(t); a.code != http.StatusNotModified {
				t.Errorf("%d for the tag %s", a.code, tag)
			}
		}
	}
}

type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (g zipped) Write(p []byte) (int, error) { return g.z.Write(p) }

// TestRangeOfWhatIsTooLarge is answered as the handler would, the first time, too.
func TestRangeOfWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{MaxBody: 100})
	var written int64
	h := known(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(&counting{w, &written}, r, "a.txt", time.Unix(1e9, 0), strings.NewReader(strings.Repeat("0123456789", 1000)))
	})
	s := newServer(t, c.Handler(h))
	for range 3 {
		if a := s.get("/", "Range: bytes=5-8"); a.code != http.StatusPartialContent || a.body != "5678" {
			t.Errorf("%d %q", a.code, a.body)
		}
	}
	if written != 12 {
		t.Errorf("%d bytes were made for 12", written)
	}
	s.get("/") // which is streamed
	if a := s.get("/", "Range: bytes=5-8"); a.code != http.StatusPartialContent || a.body != "5678" {
		t.Errorf("%d %q", a.code, a.body)
	}
}

type counting struct {
	http.ResponseWriter
	n *int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	*c.n += int64(n)
	return n, err
}

// TestStreamedVariantPassesAlone: others of its URI go on to be cached.
func TestStreamedVariantPassesAlone(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"Accept", "User-Agent", "Authorization"} {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "User-Agent")
			kind := r.Header.Get(by)
			if by == "Authorization" {
				kind = unstale.Identity(r.Context())
			}
			if kind == "stream" {
				w.(http.Flusher).Flush()
			}
			_, _ = io.WriteString(w, kind)
		}))
		s := newServer(t, h)
		s.get("/", by+": page").wantMiss(t)
		for range 2 {
			s.get("/", by+": stream").wantMiss(t)
			s.get("/", by+": page").wantHit(t)
		}
		if st := s.get("/", by+": stream").status(t); st.fwd != "bypass" || st.detail != "streams" {
			t.Errorf("%s: %+v", by, st)
		}
		s.get("/", by+": other").wantMiss(t)
		s.get("/", by+": other").wantHit(t)
	}
}

// TestLongTargets pass by, and invalidate no more than their path.
func TestLongTargets(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(http.ResponseWriter, *http.Request) {}))
	short, long := "/?a="+strings.Repeat("b", 8000), "/?"+strings.Repeat("a=b&", 50_000)
	get(h, short).want(t, "", false)
	get(h, short).want(t, "", true)
	for range 2 {
		if r := get(h, long); !strings.Contains(r.status, "long target") {
			t.Errorf("%s", r.status)
		}
	}
	get(h, "/other").want(t, "", false)
	serve(h, httptest.NewRequest(http.MethodPost, long, nil))
	get(h, short).want(t, "", false)
	get(h, "/other").want(t, "", true)
	serve(h, httptest.NewRequest(http.MethodPost, "/"+strings.Repeat("a", 50_000), nil))
	get(h, short).want(t, "", true)
}

// TestTagsOfTypesOutside: a strong tag stands for the type, too, and of one that
// is set outside nobody knows whether the next answer has it.
func TestTagsOfTypesOutside(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) { write(w, "hello") }))
	tags := make(map[string]string)
	for _, kind := range []string{"text/plain", "text/html", "text/plain"} {
		r := get(outerThen(h, http.Header{"Content-Type": {kind}}), "/")
		if other, ok := tags[r.header.Get("Etag")]; ok && other != kind && !strings.HasPrefix(r.header.Get("Etag"), "W/") {
			t.Errorf("one strong tag %s for %s and %s", r.header.Get("Etag"), other, kind)
		}
		tags[r.header.Get("Etag")] = kind
	}
}

// TestPartsOfTheHandler: where the cache cannot give a part, because somebody
// outside may change the bytes, a handler that can is asked for it.
func TestPartsOfTheHandler(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader("0123456789"))
	}))
	wrapped := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	}))
	wrapped.get("/", "Accept-Encoding: gzip").wantMiss(t)
	wrapped.get("/", "Accept-Encoding: gzip").wantHit(t)
	a := wrapped.get("/", "Accept-Encoding: gzip", "Range: bytes=2-4").wantMiss(t)
	if a.code != http.StatusPartialContent || a.body != "234" {
		t.Errorf("%d %q", a.code, a.body)
	}
}

// TestSilentAnswers: where a handler has neither written nor said a status, who
// stands outside may still do both.
func TestSilentAnswers(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(http.ResponseWriter, *http.Request) {}))
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		w.Header().Set("X-Late", "1")
		w.WriteHeader(http.StatusAccepted)
	}))
	for _, hit := range []bool{false, true} {
		if a := s.get("/"); a.code != http.StatusAccepted || a.header.Get("X-Late") != "1" || a.status(t).hit != hit {
			t.Errorf("%d %v", a.code, a.header)
		}
	}
}

// TestWhatIsWrittenAfter the handler, by whoever stands outside, leaves with its
// answer. Where nobody stands there, the length of the body is said.
func TestWhatIsWrittenAfter(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 5000} {
		body := strings.Repeat("x", size)
		c := newCache(t, unstale.Options{})
		h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) { write(w, body) }))
		direct, framed := newServer(t, h), newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			_, _ = io.WriteString(w, "<!-- after -->")
		}))
		for round := range 2 {
			if a := framed.get("/framed"); a.failed || a.body != body+"<!-- after -->" || a.status(t).hit != (round > 0) {
				t.Errorf("%d bytes, round %d: %d came: %v", size, round, len(a.body), a.header)
			}
			if a := direct.get("/direct"); a.body != body || a.header.Get("Content-Length") != fmt.Sprint(size) || a.status(t).hit != (round > 0) {
				t.Errorf("%d bytes, round %d: %v", size, round, a.header)
			}
		}
	}
}
