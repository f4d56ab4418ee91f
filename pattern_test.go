package unstale_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		ids     []string
		key     string
		want    bool
	}{
		{"*", nil, "", true},
		{"*", nil, "anything/at?all", true},
		{"a", nil, "a", true},
		{"a", nil, "ab", false},
		{"a*", nil, "ab", true},
		{"*b", nil, "ab", true},
		{"a*b", nil, "ab", true},
		{"ab*ab", nil, "ab", false},
		{"a**b", nil, "a-b", true},
		{"*a*b*", nil, "xbxaxbx", true},
		{"*a*b*", nil, "xbxax", false},

		{"*cards/{id}*", []string{"1"}, "GET h /cards/1", true},
		{"*cards/{id}*", []string{"1"}, "GET h /cards/1/files", true},
		{"*cards/{id}*", []string{"1"}, "GET h /cards/1?page=2", true},
		{"*cards/{id}*", []string{"1"}, "GET h /cards/12", false},
		{"*cards/{id}*", []string{"1"}, "GET h /cards/1-b", false},
		{"*cards/{id}*", []string{"1"}, "GET h /cards/1%2F2", false},
		{"*cards/{id}*", []string{"1"}, "GET h /cards/12/cards/1", true},
		{"*/{id}", []string{"1"}, "GET h /x/1", true},
		{"*{id}", []string{"1"}, "GET h /x/21", false},
		{"*{id}*", []string{"1"}, "GET h /x/21/1", true},
		{"{id}*", []string{"a"}, "a/b", true},
		{"*?user={id}&*", []string{"a b"}, "GET h /?user=a%20b&x=1", true},
		{"*/{a}/{b}", []string{"x", "y"}, "h /x/y", true},
		{"*/{a}/{b}", []string{"y", "x"}, "h /x/y", false},
		{"*cards/{id}", []string{"*"}, "h /cards/1", false},
		{"*cards/{id}", []string{"*"}, "h /cards/%2A", true},
		{"*cards/{id}", []string{"{x}"}, "h /cards/%7Bx%7D", true},
		{"*cards/{id}", []string{"a/b"}, "h /cards/a/b", false},
		{"*cards/{id}", []string{"a/b"}, "h /cards/a%2Fb", true},
		{"*cards/{id}", []string{"ä"}, "h /cards/%C3%A4", true},
	} {
		got, err := unstale.MatchPattern(tt.pattern, tt.ids, tt.key)
		if err != nil || got != tt.want {
			t.Errorf("%q %q on %q: %t, %v", tt.pattern, tt.ids, tt.key, got, err)
		}
	}
	for _, tt := range []struct {
		pattern string
		ids     []string
	}{
		{"", nil},
		{"{id}", nil},
		{"{id}", []string{""}},
		{"a", []string{"1"}},
		{"/{id", []string{"1"}},
		{"/{i*d}", []string{"1"}},
		{"v{id}", []string{"1"}},
		{"/{id}v", []string{"1"}},
		{"/{a}{b}", []string{"1", "2"}},
		{strings.Repeat("*", 33), nil},
		{strings.Repeat("a", 4097), nil},
	} {
		if _, err := unstale.MatchPattern(tt.pattern, tt.ids, ""); err == nil {
			t.Errorf("%.20q %q is no pattern", tt.pattern, tt.ids)
		}
	}
}

// FuzzPattern compares with the regular expression that a pattern stands for.
func FuzzPattern(f *testing.F) {
	f.Add("*cards/{id}*", "1", "h /cards/1?x=12")
	f.Add("*{id}*{id}", "a", "a.a/a")
	f.Add("*a*b**", "", "aab")
	f.Add("*/{id}/*/{id}", "*", "/%2A//%2A")
	f.Add("{x}", "%", "%25")
	f.Add("*aa*aa", "", "aaa")
	f.Fuzz(func(t *testing.T, pattern, id, key string) {
		var ids []string
		for range strings.Count(pattern, "{") {
			ids = append(ids, id)
		}
		got, err := unstale.MatchPattern(pattern, ids, key)
		if err != nil {
			return
		}
		if want := oracle(t, pattern, ids).MatchString(mark(key)); got != want {
			t.Errorf("%q %q on %q: %t, the oracle says %t", pattern, ids, key, got, want)
		}
	})
}

// edge marks where a run of bytes that can be part of an id begins or ends. It
// is no byte, so it stands in no key.
const edge = "\u0100"

// oracle translates a pattern into a regular expression over a text in which
// edges are marked, since RE2 cannot look around.
func oracle(t *testing.T, pattern string, ids []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for ; pattern != ""; pattern = pattern[1:] {
		switch pattern[0] {
		case '*':
			b.WriteString(`.*`)
		case '{':
			b.WriteString(edge + regexp.QuoteMeta(unstale.Escape(ids[0])) + edge)
			ids = ids[1:]
			pattern = pattern[strings.IndexByte(pattern, '}'):]
		default:
			b.WriteString(edge + "?" + regexp.QuoteMeta(string(rune(pattern[0]))) + edge + "?")
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return re
}

// mark returns the key, one character for each byte, with its edges marked.
func mark(key string) string {
	var b strings.Builder
	inside := false
	for i := range len(key) {
		if id := key[i] == '%' || unstale.Escape(key[i:i+1]) == key[i:i+1]; id != inside {
			b.WriteString(edge)
			inside = id
		}
		b.WriteRune(rune(key[i]))
	}
	if inside {
		b.WriteString(edge)
	}
	return b.String()
}
