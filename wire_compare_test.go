package unstale_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A wireComparison is one field of two answers that should be the same.
type wireComparison struct {
	head        bool     // HEAD was asked
	hit         bool     // of what was stored, or was about to be
	zipped      bool     // a frame outside compresses what is written
	status      int      // of both
	bounded     bool     // without the cache a field says how long the answer lives
	plain, ours []string // the lines of the field; nil if there are none
}

// wireMay is what a cache may change, and all that it may change, beside 304,
// 206 and 416 (wireExpectations) and 1xx responses, which a hit does not replay
// (docs/consistency.md, "What a handler sees in a fill").
var wireMay = map[string]func(c wireComparison) bool{
	// Promise 7: it is for the cache to say where an answer came from.
	"Cache-Status": func(wireComparison) bool { return true },
	// Promise 7: Age on a hit.
	"Age": func(c wireComparison) bool { return c.plain == nil && c.hit },
	// Promise 7: an entity tag where there was none; of what may be asked for
	// again, which is a 200.
	"Etag": func(c wireComparison) bool { return c.plain == nil && c.status == http.StatusOK },
	// Promise 7: no-cache where the handler said nothing.
	"Cache-Control": func(c wireComparison) bool {
		return c.plain == nil && !c.bounded && (slices.Equal(c.ours, []string{"no-cache"}) || slices.Equal(c.ours, []string{"private, no-cache"}))
	},
	// Promise 7: Accept-Ranges.
	"Accept-Ranges": func(c wireComparison) bool { return c.plain == nil && slices.Equal(c.ours, []string{"bytes"}) },
	// To HEAD from what is stored the length is said; and a compressor outside saw
	// the body arrive in other pieces.
	"Content-Length": func(c wireComparison) bool { return c.head || c.zipped },
	// net/http's own says when it was sent.
	"Date": func(c wireComparison) bool { return ofNow(c.plain) && ofNow(c.ours) },
	// Of one connection: the server's decision, not the answer's.
	"Connection": func(wireComparison) bool { return true },
	// An answer to HEAD from what is stored writes no body that a compressor
	// outside could compress, or has a type that it would not have known in time.
	"Content-Encoding": func(c wireComparison) bool { return c.head && c.zipped },
}

// wireDate is what handlers and frames say in Date: a while ago, so that it can
// be told from net/http's own, and not so long that the answer has expired.
var wireDate = time.Now().Add(-100 * time.Second).UTC().Format(http.TimeFormat)

func ofNow(lines []string) bool { return len(lines) == 1 && lines[0] != wireDate }

// A wireFailure is a difference that is not allowed.
type wireFailure struct {
	exchange int    // that showed it, by its index
	kind     string // what differs; a case made smaller must differ in the same
	text     string
}

// difference returns what differs of an answer from what it should be, or nil.
func (c *wireCase) difference(r wireRequest, want, got answer) *wireFailure {
	fail := func(kind, format string, args ...any) *wireFailure {
		return &wireFailure{kind: kind, text: fmt.Sprintf(kind+": "+format, args...)}
	}
	if want.failed != got.failed {
		return fail("cut off", "%t, without the cache %t (status %d, without the cache %d)", got.failed, want.failed, got.code, want.code)
	}
	if want.failed { // it may be cut off anywhere
		return nil
	}
	if want.code != got.code {
		return fail("status", "%d (%.80q), without the cache %d (%.80q)", got.code, got.body, want.code, want.body)
	}
	zipped := c.has("compress late", "compress at once")
	gotBody, wantBody := got.body, want.body
	if zipped && got.code != http.StatusPartialContent {
		gotBody, wantBody = unzipped(got), unzipped(want)
	}
	if gotBody != wantBody {
		return fail("body", "%s, without the cache %s", shown(gotBody), shown(wantBody))
	}
	hit := isHit(got) || isJoiner(got)
	names := slices.Concat(slices.Collect(maps.Keys(want.header)), slices.Collect(maps.Keys(got.header)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		a, b := want.header[name], got.header[name]
		if slices.Equal(a, b) {
			continue
		}
		may := wireMay[name]
		if may == nil || !may(wireComparison{
			head: r.method == http.MethodHead, hit: hit, zipped: zipped, status: got.code, plain: a, ours: b,
			bounded: want.header["Expires"] != nil || want.header["Pragma"] != nil,
		}) {
			return fail("field "+name, "%q, without the cache %q", b, a)
		}
	}
	if !maps.EqualFunc(want.trailer, got.trailer, slices.Equal[[]string]) {
		return fail("trailer", "%v, without the cache %v", got.trailer, want.trailer)
	}
	if !hit && !slices.Equal(want.informed, got.informed) {
		return fail("1xx", "%q, without the cache %q", got.informed, want.informed)
	}
	return nil
}

// shown is a body with the middle left out.
func shown(body string) string {
	if len(body) > 200 {
		return fmt.Sprintf("%q… (%d bytes)", body[:200], len(body))
	}
	return strconv.Quote(body)
}

func isHit(a answer) bool {
	return strings.Contains(strings.Join(a.header["Cache-Status"], ","), "unstale;hit")
}

func isStored(a answer) bool {
	return strings.Contains(strings.Join(a.header["Cache-Status"], ","), ";stored")
}

// isJoiner reports whether an answer comes from a fill that somebody else led.
func isJoiner(a answer) bool {
	return strings.Contains(strings.Join(a.header["Cache-Status"], ","), ";collapsed")
}

// wireTags are the entity tags that the cache gave, with the bodies they stood
// for.
type wireTags map[string]string

// learn remembers the tag of an answer to what plain is the whole answer to, and
// returns what is wrong with it.
func (s wireTags) learn(r wireRequest, plain, ours answer) *wireFailure {
	tag := ours.header.Get("Etag")
	if tag == "" || plain.header["Etag"] != nil || plain.code != http.StatusOK {
		return nil
	}
	opaque, weak := strings.CutPrefix(tag, "W/")
	s["of "+opaque] = unzipped(plain)
	if weak || r.method != http.MethodGet || ours.code != http.StatusOK {
		return nil
	}
	if old, ok := s[tag]; ok && old != ours.body {
		return &wireFailure{kind: "tag", text: fmt.Sprintf("one strong entity tag %s for %s and for %s", tag, shown(old), shown(ours.body))}
	}
	s[tag] = ours.body
	return nil
}

// matches reports whether If-None-Match speaks of the answer to the plain GET.
func (s wireTags) matches(values []string, whole answer) bool {
	for _, tag := range values {
		opaque := strings.TrimPrefix(tag, "W/")
		own := whole.header.Get("Etag")
		if tag == "*" || own != "" && strings.TrimPrefix(own, "W/") == opaque {
			return true
		}
		if body, ok := s["of "+opaque]; own == "" && ok && body == unzipped(whole) {
			return true
		}
	}
	return false
}

// derived returns what a cache may answer, with the status that ours has, from
// what it got for the plain GET; or false. Promise 7: 304, 206 and 416 where a
// client asks and the handler would have answered 200.
func (s wireTags) derived(r wireRequest, whole, ours answer) (answer, bool) {
	d := whole
	d.header = whole.header.Clone()
	d.informed = ours.informed // of a fill or of none: compared where a GET asks for it
	ranges := r.values("Range")
	if r.method == http.MethodHead {
		d.body, d.trailer = "", ours.trailer
	}
	if ours.code == whole.code {
		return d, r.method == http.MethodGet || storedByDefault(whole.code)
	}
	if whole.failed || whole.code != http.StatusOK {
		return d, false
	}
	d.code, d.body, d.trailer = ours.code, "", nil
	set := func(name, value string) { d.header[name] = []string{value} }
	like := func(names ...string) { // may be left out, or say what it says
		for _, name := range names {
			if ours.header[name] == nil {
				delete(d.header, name)
			}
		}
	}
	if d.header["Etag"] == nil && ours.header["Etag"] != nil {
		set("Etag", ours.header.Get("Etag")) // looked at by learn and matches
	}
	switch ours.code {
	case http.StatusNotModified:
		// RFC 9110 §15.4.5: what describes the content is not sent.
		like("Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range", "Last-Modified")
		delete(d.header, "Trailer")
		return d, s.matches(r.values("If-None-Match"), whole)
	case http.StatusPartialContent:
		start, end, ok := oneRange(ranges, len(whole.body))
		if !ok || r.method != http.MethodGet {
			return d, false
		}
		d.body = whole.body[start:end]
		set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end-1, len(whole.body)))
		set("Content-Length", strconv.Itoa(end-start))
		return d, true
	case http.StatusRequestedRangeNotSatisfiable:
		if _, _, ok := oneRange(ranges, len(whole.body)); ok || len(ranges) != 1 {
			return d, false
		}
		// What was said of the content is not true of this answer, least of all for
		// how long it may be kept.
		like("Content-Type", "Content-Encoding", "Content-Language", "Last-Modified", "Etag", "Expires", "Accept-Ranges")
		set("Content-Range", fmt.Sprintf("bytes */%d", len(whole.body)))
		set("Content-Length", "0")
		if ours.header.Get("Cache-Control") == "no-store" {
			set("Cache-Control", "no-store")
		}
		return d, true
	}
	return d, false
}

// storedByDefault reports whether HEAD may be answered from a GET that had this
// status: errors that a request provokes are not stored.
func storedByDefault(status int) bool {
	return status < 400 || status == http.StatusNotFound || status == http.StatusGone
}

// oneRange returns the part of a body of that size that the only range asks for.
func oneRange(lines []string, size int) (start, end int, ok bool) {
	if len(lines) != 1 {
		return 0, 0, false
	}
	spec, ok := strings.CutPrefix(lines[0], "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	if first == "" {
		n, err := strconv.Atoi(last)
		n = min(n, size)
		return size - n, size, err == nil && n > 0
	}
	start, err := strconv.Atoi(first)
	end = size
	if n, e := strconv.Atoi(last); e == nil {
		end = min(n+1, size)
	}
	return start, end, err == nil && start < size && start < end
}
