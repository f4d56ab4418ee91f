package checker

import (
	"slices"
	"testing"
)

func TestExtract(t *testing.T) {
	for _, tt := range []struct {
		expression, body string
		want             []string
	}{
		{"json:version", `{"version":7}`, []string{"7"}},
		{"json:version", `{"version":"7"}`, []string{"7"}},
		{"json:version", `{"version":9007199254740993}`, []string{"9007199254740993"}},
		{"json:data.items.1.v", `{"data":{"items":[{"v":1},{"v":2}]}}`, []string{"2"}},
		{"json:*.v", `[{"v":1},{"v":2},{"w":3}]`, []string{"1", "2"}},
		{"json:*.v", `{"a":{"v":1},"b":{"v":2}}`, []string{"1", "2"}},
		{"json:open", `{"open":true}`, []string{"true"}},
		{"json:0", `[5]`, []string{"5"}},
		{"json:v", `{"v":null}`, nil},
		{"json:v", `{"v":{}}`, nil},
		{"json:v.w", `{"v":1}`, nil},
		{"json:2", `[1]`, nil},
		{"json:v", `<html>`, nil},
		{`re:v(\d+)`, `v1 v22 w3`, []string{"1", "22"}},
		{`re:v(\d+)?`, `v`, nil},
	} {
		e, err := ParseExtractor(tt.expression)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		e.find([]byte(tt.body), func(s string) { got = append(got, s) })
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s in %s: %q, want %q", tt.expression, tt.body, got, tt.want)
		}
		if e.String() != tt.expression {
			t.Errorf("%q became %q", tt.expression, e)
		}
	}
}

func TestVersions(t *testing.T) {
	e, err := ParseExtractor(`re:v(\w+)`)
	if err != nil {
		t.Fatal(err)
	}
	if least, greatest, n, err := e.versions([]byte("v3 v1 v2")); least != 1 || greatest != 3 || n != 3 || err != nil {
		t.Error(least, greatest, n, err)
	}
	if _, _, n, err := e.versions([]byte("v3 vx")); n != 1 || err == nil {
		t.Error(n, err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("json:data.*.v", `{"data":[{"v":1},{"v":"2"}]}`)
	f.Add(`re:"v":(\d+)`, `{"v":1}`)
	f.Add("json:.", `{"":{"":0}}`)
	f.Fuzz(func(t *testing.T, expression, body string) {
		e, err := ParseExtractor(expression)
		if err != nil {
			return
		}
		if e.empty() || e.String() != expression {
			t.Errorf("%q became %q", expression, e)
		}
		found := 0
		e.find([]byte(body), func(string) { found++ })
		if found > len(body)+1 {
			t.Errorf("%d values in %d bytes", found, len(body))
		}
	})
}
