package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// recorded reads what suite.mjs and the suite's client printed of a few tests.
func recorded(t *testing.T) ([]test, results) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tests, err := parseTests(read("tests.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseResults(read("results.json"))
	if err != nil {
		t.Fatal(err)
	}
	return tests, r
}

func TestJudge(t *testing.T) {
	t.Parallel()
	tests, r := recorded(t)
	v, err := judge(tests, r)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]verdict{
		"freshness-none": passed, "freshness-max-age": passed, "other-age-gen": passed, "vary-match": passed,
		"cc-resp-must-revalidate-fresh": passed, "cc-resp-must-revalidate-stale": failed,
		"headers-store-Set-Cookie": unjudged, // setup
		"stale-close":              failed,
		"stale-close-no-cache":     unjudged, // needs it
		"stale-while-revalidate":   failed, "stale-while-revalidate-window": unjudged,
		"other-set-cookie": failed, "ccreq-ma0": passed, "cdn-max-age": failed,
		"cdn-max-age-expires": unjudged,
		"interim-102":         unjudged, // it timed out
		"not-run":             unjudged,
	}
	for _, tt := range tests {
		if got := v.of[tt.ID]; got != want[tt.ID] {
			t.Errorf("%s: %s (%s), want %s", tt.ID, got, v.why[tt.ID], want[tt.ID])
		}
	}
	if len(tests) != len(want) {
		t.Errorf("%d tests, want %d", len(tests), len(want))
	}
	tally := v.tally()
	for kind, want := range map[kind]counts{required: {5, 1, 5}, optimal: {0, 2, 0}, check: {1, 1, 0}, cdn: {0, 1, 1}} {
		if *tally[kind] != want {
			t.Errorf("%s: %+v, want %+v", kind, *tally[kind], want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	tests, r := recorded(t)
	v, err := judge(tests, r)
	if err != nil {
		t.Fatal(err)
	}
	why, err := parseReasons(reasonsText)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if got, want := v.explain(&out, why), []string{"interim-102", "not-run"}; !slices.Equal(got, want) {
		t.Errorf("unexplained %q, want %q", got, want)
	}
	for _, part := range []string{
		"cc-resp-must-revalidate-stale (Request 3 should have been conditional, but it was not.)\n      what has ended is made anew",
		"stale-close-no-cache (needs stale-close)\n      nothing stale",
		"not-run (did not run)\n      NO REASON GIVEN",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in\n%s", part, out.String())
		}
	}
	if strings.Contains(out.String(), "other-set-cookie") {
		t.Error("an optimal test needs no reason")
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	rs, err := parseReasons("# no reason\n\n fail a-*   first \nunjudged a-b second one\nfail a-b third")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		v        verdict
		id, want string
	}{
		{failed, "a-b", "first"}, {unjudged, "a-b", "second one"}, {unjudged, "a-c", ""}, {failed, "b", ""}, {passed, "a-b", ""},
	} {
		if got := rs.of(tt.v, tt.id); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.v, tt.id, got, tt.want)
		}
	}
	for _, bad := range []string{"fail", "fail a", "pass a why", "fail [ why", "why"} {
		if _, err := parseReasons(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	for name, tests := range map[string][]test{
		"a test that is not there": {{ID: "a", DependsOn: []string{"b"}}},
		"a circle":                 {{ID: "a", DependsOn: []string{"b"}}, {ID: "b", DependsOn: []string{"a"}}},
	} {
		if _, err := judge(tests, results{"a": {passed: true}}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, bad := range []string{"", "[]", `{"a": 1}`, `{"a": ["Setup"]}`} {
		if r, err := parseResults([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, r)
		}
	}
}
