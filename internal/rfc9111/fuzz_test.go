package rfc9111

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
)

// cacheControlGrammar is RFC 9111 §5.2 with the list rule of RFC 9110 §5.6.1.2,
// lenient only in what an argument may contain.
var cacheControlGrammar = func() *regexp.Regexp {
	const (
		token  = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
		quoted = `"(?:[^"\\]|\\.)*"`
		member = token + `+(?:=(?:` + quoted + `|` + token + `*))?`
	)
	return regexp.MustCompile(`(?s)^[ \t,]*(?:` + member + `(?:[ \t]*,[ \t,]*` + member + `)*[ \t,]*)?$`)
}()

func FuzzParseCacheControl(f *testing.F) {
	for _, s := range []string{
		"", ",", "no-store", "max-age=60, public", `private="a, b", s-maxage="1\0"`, "max-age=-1,max-age=99999999999999999999",
		`x="`, `x="\`, "max-age =5", "NO-CACHE=x;y", "max-stale, min-fresh=1", "\xff\x00=, no-store",
	} {
		f.Add(s, "max-age=30")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		first, second, both := ParseCacheControl([]string{a}), ParseCacheControl([]string{b}), ParseCacheControl([]string{a, b})
		if want := !cacheControlGrammar.MatchString(a); first.Malformed != want {
			t.Errorf("malformed is %v", first.Malformed)
		}
		if swapped := ParseCacheControl([]string{b, a}); swapped != both {
			t.Errorf("the order of lines matters: %+v, %+v", both, swapped)
		}
		if upper := ParseCacheControl([]string{asciiUpper(a)}); upper != first {
			t.Errorf("case matters: %+v, %+v", first, upper)
		}
		if !first.Malformed && !second.Malformed {
			if joined := ParseCacheControl([]string{a + "," + b}); joined != both {
				t.Errorf("lines differ from a list: %+v, %+v", both, joined)
			}
		}
		if (first.NoStore || second.NoStore) != both.NoStore || (first.Private || second.Private) != both.Private || (first.NoCache || second.NoCache) != both.NoCache {
			t.Errorf("a line hides a restriction: %+v, %+v, %+v", first, second, both)
		}
		for _, d := range []Delta{both.MaxAge, both.SMaxAge, both.MinFresh, both.MaxStale, both.StaleWhileRevalidate, both.StaleIfError} {
			if d.Seconds < 0 || d.Seconds > maxDelta || !d.Set && d.Seconds != 0 {
				t.Errorf("delta %+v", d)
			}
		}
		h := http.Header{"Cache-Control": {a}, "Pragma": {b}}
		if p := RequestPolicy(h); p.NoStore != (first.NoStore || first.Malformed) {
			t.Errorf("policy %+v of %+v", p, first)
		}
	})
}

func asciiUpper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func FuzzFreshness(f *testing.F) {
	f.Add("max-age=60", "", "", "", int64(1767355200))
	f.Add("s-maxage=60, public", "Fri, 02 Jan 2026 12:00:00 GMT", "Fri, 02 Jan 2026 11:59:59 GMT", "5", int64(1767355200))
	f.Add("", "0", "Friday, 02-Jan-26 12:00:00 GMT", "x", int64(0))
	f.Add("", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon Jan  1 00:00:00 0001", "99999999999", int64(-62135596800))
	f.Add("no-store", "Friday, 02-Jan-26 12:00:00 CET", "", "1,2", int64(253402300799))
	f.Fuzz(func(t *testing.T, cc, expires, date, age string, unix int64) {
		received := time.Unix(unix, 0)
		h := http.Header{"Cache-Control": {cc}, "Expires": {expires}, "Date": {date}, "Age": {age}}
		d, explicit := Lifetime(h, received)
		if d < 0 || d > maxLifetime || !explicit {
			t.Fatalf("lifetime %v, explicit %v", d, explicit)
		}
		initial := InitialAge(h, received)
		if initial < 0 || initial > maxLifetime {
			t.Fatalf("initial age %v", initial)
		}
		h.Set("Age", "1000000")
		if older, _ := Lifetime(h, received); older > d && initial <= 1e6*time.Second {
			t.Errorf("older lives longer: %v, %v", older, d)
		}
		if ok, reason := Storable(200, h, Terms{Authorization: true}); ok != (reason == "") {
			t.Errorf("storable %v %q", ok, reason)
		}
		h.Add("Cache-Control", "no-store")
		if ok, reason := Storable(200, h, Terms{Errors: true}); ok || reason != ReasonNoStore {
			t.Errorf("no-store: storable %v %q", ok, reason)
		}
	})
}

func FuzzParseVary(f *testing.F) {
	for _, s := range []string{"", "Accept", "accept, ACCEPT,,Origin", "*", "a, *", "a b", "a;b", "\x00"} {
		f.Add(s, "X-A")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		fields, star := ParseVary([]string{a, b})
		if star != (fields == nil && strings.Trim(a+b, ", \t") != "") {
			t.Fatalf("fields %q, star %v", fields, star)
		}
		if !slices.IsSorted(fields) || len(slices.Compact(slices.Clone(fields))) != len(fields) {
			t.Errorf("%q is not sorted and unique", fields)
		}
		if again, _ := ParseVary([]string{strings.Join(fields, ", ")}); !slices.Equal(again, fields) {
			t.Errorf("%q became %q", fields, again)
		}
		if joined, star2 := ParseVary([]string{a + "," + b}); star2 != star || !slices.Equal(joined, fields) {
			t.Errorf("lines differ from a list: %q, %q", fields, joined)
		}
	})
}

func FuzzParseETagList(f *testing.F) {
	for _, s := range []string{"", "*", `"a"`, `W/"a", "b"`, `"a,b\"`, `"a" "b"`, `a, "b"`, `"`, `W/`, "\"\xff\"", `,, "" ,`} {
		f.Add(s, `"z"`)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		tags, star, ok := ParseETagList([]string{a})
		if star != (ok && len(tags) == 0) || !ok && len(tags) > 0 {
			t.Fatalf("tags %q, star %v, ok %v", tags, star, ok)
		}
		var texts []string
		for _, tag := range tags {
			text := tag.String()
			if back, ok := ParseETag(text); !ok || back != tag {
				t.Fatalf("%q became %+v", text, back)
			}
			if !IfNoneMatch([]string{a}, text) {
				t.Errorf("%q is listed and does not match", text)
			}
			if IfRange([]string{text}, text) == tag.Weak {
				t.Errorf("%q: strong comparison with itself", text)
			}
			texts = append(texts, text)
		}
		if again, _, _ := ParseETagList([]string{strings.Join(texts, ", ")}); !slices.Equal(again, tags) {
			t.Errorf("%q became %q", tags, again)
		}
		lines, _, ok2 := ParseETagList([]string{a, b})
		if more, star2, okB := ParseETagList([]string{b}); ok && okB && !star && !star2 {
			if !ok2 || !slices.Equal(lines, append(tags, more...)) {
				t.Errorf("lines %q, %q and %q", lines, tags, more)
			}
		}
	})
}

func FuzzCacheStatus(f *testing.F) {
	f.Add("p:http:GET h /a?b=c", "no-store", int64(5), 200, byte(0))
	f.Add(`"\`, "\x00\x7f\xff", int64(-1<<63), -1, byte(255))
	f.Add("", "é%\r\n", int64(1<<62), 999, byte(7))
	forwards := []Forward{"", ForwardBypass, ForwardMethod, ForwardMiss, ForwardURIMiss, ForwardVary, ForwardRequest, ForwardStale}
	f.Fuzz(func(t *testing.T, key, detail string, ttl int64, status int, bits byte) {
		s := CacheStatus{
			Hit: bits&1 != 0, Stored: bits&2 != 0, Collapsed: bits&4 != 0, HasTTL: bits&8 != 0,
			Forward: forwards[bits>>5], Status: status, TTL: time.Duration(ttl), Key: key, Detail: detail,
		}
		item := checkCanonical(t, s.String())
		expect := func(name string, present bool, want any) {
			if got, ok := item.Params.Get(name); ok != present || ok && got != want {
				t.Errorf("%s is %v %v, want %v", name, got, ok, want)
			}
		}
		expect("hit", s.Hit, true)
		expect("fwd", !s.Hit && s.Forward != "", httpsfv.Token(s.Forward))
		expect("stored", s.Stored, true)
		expect("collapsed", s.Collapsed, true)
		expect("ttl", s.HasTTL, ttl/int64(time.Second))
		expect("fwd-status", 100 <= status && status <= 999, int64(status))
		expect("key", key != "", printable(key))
		expect("detail", detail != "", printable(detail))
	})
}

var unprintable = regexp.MustCompile(`[^ -~]`)

func printable(s string) string {
	return unprintable.ReplaceAllStringFunc(s, func(r string) string {
		var b strings.Builder
		for _, c := range []byte(r) {
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)+0x100, 16)[1:]))
		}
		return b.String()
	})
}

func FuzzInvalidatedTargets(f *testing.F) {
	for _, s := range []string{"", "/b", "../b?q#f", "http://h/b", "//h:80/b", "http://evil/", "mailto:a@h", "%zz", "http://h@evil/", "//[::1]:80/", "?"} {
		f.Add("/x/a?q", s)
	}
	f.Add("*", "/b")
	f.Fuzz(func(t *testing.T, target, location string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		got := InvalidatedTargets(u, "h", 201, http.Header{"Location": {location}})
		if len(got) == 0 || len(got) > 2 || got[0].Path != u.Path || got[0].RawQuery != u.RawQuery {
			t.Fatalf("targets %v", got)
		}
		for _, g := range got {
			if g.Host != "h" || g.User != nil || g.Fragment != "" || g.Scheme != u.Scheme {
				t.Errorf("%+v is not on the host", g)
			}
		}
		if named, err := url.Parse(trim(location)); err == nil && len(got) == 2 && named.Host != "" && named.Hostname() != "h" && named.Hostname() != "H" {
			t.Errorf("%q leads to %v", location, got[1])
		}
	})
}
