package rfc9111

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The oracle is net/http, with its known differences named where they are met.

// serveContent asks net/http how it answers a GET with header h for a
// representation of size bytes.
func serveContent(h http.Header, etag string, size int64) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = h
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Etag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, size)))
	return w
}

// plainRange is what ParseRange promises to understand. What else net/http
// serves, several ranges among it, may be ignored.
var plainRange = regexp.MustCompile(`^bytes=([0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})$`)

// zeroSuffix asks for the last 0 bytes, which RFC 9110 §14.1.2 calls
// unsatisfiable; net/http answers with an empty 206.
var zeroSuffix = regexp.MustCompile(`^(?i:bytes)=[ \t,]*-0+[ \t,]*$`)

// FuzzEvaluate compares with http.ServeContent, after taking from the request
// what is ignored here and read more leniently there.
func FuzzEvaluate(f *testing.F) {
	for _, s := range []string{"", "bytes=0-", "bytes=2-4", "bytes=-3", "bytes=-0", "bytes=9-", "bytes=3-2", "bytes=0-0,2-3", "bytes= 1-2", "bytes=, 1-2,", "bytes=-0,", "BYTES=0-1", "items=0-1", "bytes=99999999999999999999-"} {
		f.Add(s, "", "", uint16(9))
		f.Add(s, `"b"`, `"a"`, uint16(9))
		f.Add(s, "", `W/"a"`, uint16(0))
	}
	for _, s := range []string{`"a"`, `W/"a"`, `"x", "a"`, `*`, `*, "x"`, `"x" "a"`, `a, "a"`, `,"a",`, "\n\"a\""} {
		f.Add("bytes=0-1", s, "", uint16(9))
	}
	const etag = `"a"`
	f.Fuzz(func(t *testing.T, ranges, ifNoneMatch, ifRange string, size uint16) {
		h := http.Header{}
		set := func(name, value string) {
			if value != "" {
				h[name] = []string{value}
			}
		}
		set("Range", ranges)
		set("If-None-Match", ifNoneMatch)
		set("If-Range", ifRange)
		got := Evaluate(http.MethodGet, h, Stored{Status: 200, ETag: etag, Size: int64(size)}, true)
		if zeroSuffix.MatchString(ranges) {
			return
		}
		if _, _, ok := ParseETagList(h["If-None-Match"]); !ok {
			h.Del("If-None-Match")
		}
		if _, ok := ParseETag(ifRange); !ok && ifRange != "" {
			h.Del("Range")
		}
		if unit, spec, ok := strings.Cut(ranges, "="); ok && h["Range"] != nil && strings.EqualFold(unit, "bytes") {
			h["Range"] = []string{"bytes=" + spec} // the unit is case-insensitive, RFC 9110 §14.1
		}
		want := serveContent(h, etag, int64(size))
		switch {
		case got.Status == want.Code:
		case got.Status == 200 && want.Code == 206 && !plainRange.MatchString(ranges):
		case got.Status == 200 && size == 0 && want.Code == 206:
			// net/http answers a suffix of nothing with "bytes 0--1/0".
		case got.Status == 200 && want.Code == 416:
			// net/http takes a malformed range for an unsatisfiable one.
			if r, result := ParseRange(ranges, int64(size)); result != RangeIgnored {
				t.Fatalf("416 by net/http, %+v here", r)
			}
		default:
			t.Fatalf("status %d, net/http %d", got.Status, want.Code)
		}
		if got.Status == http.StatusPartialContent {
			if a, b := got.Range.ContentRange(int64(size)), want.Header().Get("Content-Range"); a != b {
				t.Fatalf("Content-Range %q, net/http %q", a, b)
			}
			if int64(want.Body.Len()) != got.Range.Length {
				t.Fatalf("length %d, net/http %d", got.Range.Length, want.Body.Len())
			}
		}
	})
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"", "bytes=", "bytes=0-", "bytes=2-4", "bytes=-3", "bytes=-0", "bytes=3-2", "bytes=0-0,2-3", "bytes=9223372036854775807-", "bytes=0-9223372036854775808", "bytes=+1-", "bytes=-"} {
		f.Add(s, int64(9))
		f.Add(s, int64(0))
		f.Add(s, int64(1<<63-1))
	}
	f.Fuzz(func(t *testing.T, value string, size int64) {
		r, result := ParseRange(value, size)
		if result != RangeSatisfiable {
			if r != (Range{}) {
				t.Fatalf("result %v with %+v", result, r)
			}
			return
		}
		if r.Start < 0 || r.Length < 1 || r.Start > size-r.Length {
			t.Fatalf("%+v is not within %d", r, size)
		}
		spec, _, _ := strings.Cut(strings.TrimPrefix(r.ContentRange(size), "bytes "), "/")
		if again, result := ParseRange("bytes="+spec, size); result != RangeSatisfiable || again != r {
			t.Fatalf("%+v became %+v", r, again)
		}
	})
}
