package rfc9111

import (
	"slices"
	"strings"
	"testing"
)

func TestStrongETag(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, in := range [][2]string{{"", ""}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"text/html", "x"}, {"text/plain", "x"}} {
		tag := StrongETag(in[0], []byte(in[1]))
		parsed, ok := ParseETag(tag)
		if !ok || parsed.Weak || parsed.String() != tag || len(parsed.Opaque) != 22 {
			t.Errorf("%q: %s is no strong tag of 128 bits", in, tag)
		}
		if other, dup := seen[tag]; dup {
			t.Errorf("%q and %q share %s", in, other, tag)
		}
		seen[tag] = in[0] + "|" + in[1]
		if StrongETag(in[0], []byte(in[1])) != tag {
			t.Errorf("%q: not repeatable", in)
		}
	}
}

func TestParseETag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want ETag
		ok   bool
	}{
		{`"a"`, ETag{Opaque: "a"}, true},
		{`W/"a"`, ETag{Weak: true, Opaque: "a"}, true},
		{`""`, ETag{}, true},
		{` "a" `, ETag{Opaque: "a"}, true},
		{`"a,b\"`, ETag{Opaque: `a,b\`}, true}, // a backslash escapes nothing, RFC 9110 §8.8.3
		{"\"\xff\"", ETag{Opaque: "\xff"}, true},
		{`w/"a"`, ETag{}, false}, // case-sensitive, RFC 9110 §8.8.3
		{`W/ "a"`, ETag{}, false},
		{`a`, ETag{}, false},
		{`"a`, ETag{}, false},
		{`"a"b`, ETag{}, false},
		{`"a", "b"`, ETag{}, false},
		{`"a b"`, ETag{}, false},
		{"\"a\x7f\"", ETag{}, false},
		{`*`, ETag{}, false},
		{``, ETag{}, false},
	}
	for _, tt := range tests {
		if got, ok := ParseETag(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %+v %v", tt.in, got, ok)
		}
	}
}

func TestParseETagList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   []string
		want string
		star bool
		ok   bool
	}{
		{nil, ``, false, false},
		{[]string{`"a"`}, `"a"`, false, true},
		{[]string{`"a" ,W/"b,c",, "d"`}, `"a" W/"b,c" "d"`, false, true},
		{[]string{`"a"`, `"b"`}, `"a" "b"`, false, true},
		{[]string{"", ", ,", "\t,\"a\",", `W/"b",`}, `"a" W/"b"`, false, true}, // RFC 9110 §5.6.1
		{[]string{`"a,"`, `",b"`}, `"a," ",b"`, false, true},
		{[]string{`, *`}, ``, false, false}, // no list, RFC 9110 §13.1.2
		{[]string{``, `*`}, ``, false, false},
		{[]string{` * `}, ``, true, true},
		{[]string{`*, "a"`}, ``, false, false},
		{[]string{`"a", *`}, ``, false, false},
		{[]string{`*`, `*`}, ``, false, false},
		{[]string{`"a" "b"`}, ``, false, false},
		{[]string{`"a", b`}, ``, false, false},
		{[]string{`"a`, `b"`}, ``, false, false},
		{[]string{``, ` , `}, ``, false, false},
	}
	for _, tt := range tests {
		tags, star, ok := ParseETagList(tt.in)
		var got []string
		for _, tag := range tags {
			got = append(got, tag.String())
		}
		if strings.Join(got, " ") != tt.want || star != tt.star || ok != tt.ok {
			t.Errorf("%q: got %q %v %v", tt.in, got, star, ok)
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []string
		etag   string
		want   bool
	}{
		{"same", []string{`"a"`}, `"a"`, true},
		{"different", []string{`"a"`}, `"b"`, false},
		{"weak comparison, RFC 9110 §13.1.2", []string{`W/"a"`}, `"a"`, true},
		{"weak comparison the other way", []string{`"a"`}, `W/"a"`, true},
		{"in a list", []string{`"x", W/"y" ,"a"`}, `"a"`, true},
		{"in a later line", []string{`"x"`, `"a"`}, `"a"`, true},
		{"case", []string{`"A"`}, `"a"`, false},
		{"any", []string{`*`}, `"a"`, true},
		{"any, without a tag", []string{`*`}, ``, true},
		{"no tag to compare", []string{`""`}, ``, false},
		{"unquoted tag", []string{`a`}, `a`, false},
		{"star in quotes", []string{`"*"`}, `"a"`, false},
		{"star in a list", []string{`*, "b"`}, `"a"`, false},
		{"match before the malformed part", []string{`"a", b`}, `"a"`, false},
		{"match after the malformed part", []string{`b, "a"`}, `"a"`, false},
		{"empty", []string{``}, `"a"`, false},
	}
	for _, tt := range tests {
		if got := IfNoneMatch(tt.values, tt.etag); got != tt.want {
			t.Errorf("%s: %q: got %v", tt.name, tt.values, got)
		}
	}
}

func TestIfRange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		value string
		etag  string
		want  bool
	}{
		{"same", `"a"`, `"a"`, true},
		{"different", `"a"`, `"b"`, false},
		{"weak, RFC 9110 §13.1.5", `W/"a"`, `"a"`, false},
		{"weak stored", `"a"`, `W/"a"`, false},
		{"both weak", `W/"a"`, `W/"a"`, false},
		{"list", `"a", "b"`, `"a"`, false},
		{"any", `*`, `"a"`, false},
		{"none stored", `""`, ``, false},
		{"date, RFC 9110 §8.8.2.2", `Fri, 02 Jan 2026 12:00:00 GMT`, `"a"`, false},
	}
	for _, tt := range tests {
		if got := IfRange([]string{tt.value}, tt.etag); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
	if IfRange([]string{`"a"`, `"a"`}, `"a"`) || IfRange(nil, `"a"`) {
		t.Error("not a single line, yet it matches")
	}
}

func TestNotModifiedSince(t *testing.T) {
	t.Parallel()
	const (
		before = "Fri, 02 Jan 2026 11:59:59 GMT"
		noon   = "Fri, 02 Jan 2026 12:00:00 GMT"
		after  = "Fri, 02 Jan 2026 12:00:01 GMT"
	)
	tests := []struct {
		name     string
		values   []string
		modified string
		want     bool
	}{
		{"same, RFC 9110 §13.1.3", []string{noon}, noon, true},
		{"modified later", []string{before}, noon, false},
		{"modified earlier", []string{after}, noon, true},
		{"obsolete form", []string{"Friday, 02-Jan-26 12:00:00 GMT"}, noon, true},
		{"no date", []string{"noon"}, noon, false},
		{"two lines", []string{noon, noon}, noon, false},
		{"none", nil, noon, false},
		{"no Last-Modified", []string{noon}, "", false},
	}
	for _, tt := range tests {
		if got := NotModifiedSince(tt.values, tt.modified); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

// TestHitAllocations holds what runs on every hit to no allocation.
func TestHitAllocations(t *testing.T) {
	values := []string{`"x", "a"`}
	if n := testing.AllocsPerRun(100, func() {
		if !IfNoneMatch(values, `"a"`) {
			panic(slices.Clone(values))
		}
	}); n != 0 {
		t.Errorf("IfNoneMatch: %v allocations", n)
	}
	h := map[string][]string{"Cache-Control": {"max-age=60, min-fresh=5"}, "Range": {"bytes=0-4"}}
	if n := testing.AllocsPerRun(100, func() {
		RequestPolicy(h)
		Evaluate("GET", h, Stored{Status: 200, ETag: `"a"`, Size: 9}, true)
	}); n != 0 {
		t.Errorf("RequestPolicy and Evaluate: %v allocations", n)
	}
}
