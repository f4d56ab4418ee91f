package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// A test is what is known of one before it runs.
type test struct {
	ID        string   `json:"id"`
	Kind      kind     `json:"kind"`
	DependsOn []string `json:"depends_on"`
	CDN       bool     `json:"cdn"` // about fields that are for a CDN alone
}

// A kind says what it means that a test does not pass.
type kind string

const (
	required kind = "required" // the RFC is broken
	optimal  kind = "optimal"  // something could have been served from the cache
	check    kind = "check"    // nothing: it asks how the cache behaves
	cdn      kind = "cdn"      // of whichever kind
)

var kinds = [...]kind{required, optimal, check, cdn}

// results are what the suite's client found, by test.
type results map[string]result

// A result is true, or a kind of failure and a message.
type result struct {
	passed  bool
	failure string
	message string
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *result) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &r.passed); err == nil {
		return nil
	}
	var pair []string
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a result of %d parts", len(pair))
	}
	r.failure, r.message = pair[0], pair[1]
	return nil
}

func parseResults(b []byte) (results, error) {
	var r results
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("the suite's results: %w", err)
	}
	return r, nil
}

// A verdict is what is to be made of a result.
type verdict uint8

const (
	passed   verdict = iota
	failed           //
	unjudged         // the test, or one that it depends on, could not be set up
)

func (v verdict) String() string { return [...]string{"pass", "fail", "unjudged"}[v] }

// verdicts are those of a whole run.
type verdicts struct {
	tests []test
	of    map[string]verdict
	why   map[string]string
}

// judge applies the rules of the suite's own display of results: a test counts
// only if all that it depends on passed.
func judge(tests []test, r results) (*verdicts, error) {
	v := &verdicts{tests: tests, of: make(map[string]verdict), why: make(map[string]string)}
	byID := make(map[string]*test, len(tests))
	for i := range tests {
		byID[tests[i].ID] = &tests[i]
	}
	under := make(map[string]bool)
	var one func(id string) (verdict, error)
	one = func(id string) (verdict, error) {
		if verdict, done := v.of[id]; done {
			return verdict, nil
		}
		t := byID[id]
		if t == nil || under[id] {
			return unjudged, fmt.Errorf("the suite's tests: %q is needed, but is not there, or needs itself", id)
		}
		under[id] = true
		verdict, why := ofResult(r, id)
		for _, needed := range t.DependsOn {
			d, err := one(needed)
			if err != nil {
				return unjudged, err
			}
			if d != passed {
				verdict, why = unjudged, "needs "+needed
				break
			}
		}
		v.of[id], v.why[id] = verdict, why
		return verdict, nil
	}
	for i := range tests {
		if _, err := one(tests[i].ID); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// ofResult judges a test by itself.
func ofResult(r results, id string) (v verdict, why string) {
	found, ok := r[id]
	switch {
	case !ok:
		return unjudged, "did not run"
	case found.passed:
		return passed, ""
	case found.failure == "Setup", found.failure == "AbortError":
		return unjudged, found.failure + ": " + found.message
	default:
		return failed, found.message
	}
}

// A tally counts verdicts by kind.
type tally map[kind]*counts

type counts struct{ pass, fail, unjudged int }

func (v *verdicts) tally() tally {
	t := make(tally)
	for _, k := range kinds {
		t[k] = new(counts)
	}
	for _, test := range v.tests {
		k := test.Kind
		if test.CDN {
			k = cdn
		}
		n := t[k]
		if n == nil {
			n = new(counts) // a kind that we do not know is not counted
		}
		switch v.of[test.ID] {
		case passed:
			n.pass++
		case failed:
			n.fail++
		default:
			n.unjudged++
		}
	}
	return t
}

func (t tally) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\ttests\tpass\tfail\tunjudged\t")
	for _, k := range kinds {
		n := t[k]
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t\n", k, n.pass+n.fail+n.unjudged, n.pass, n.fail, n.unjudged)
	}
	_ = tw.Flush() // a terminal that has gone away
}

// explain prints each required test that did not pass, with what happened and the
// reason, and returns those without one.
func (v *verdicts) explain(w io.Writer, why reasons) (unexplained []string) {
	for _, wanted := range [...]verdict{failed, unjudged} {
		fmt.Fprintf(w, "\nrequired, %s:\n", wanted)
		for _, t := range v.tests {
			if t.Kind != required || t.CDN || v.of[t.ID] != wanted {
				continue
			}
			reason := why.of(wanted, t.ID)
			if reason == "" {
				unexplained = append(unexplained, t.ID)
				reason = "NO REASON GIVEN"
			}
			fmt.Fprintf(w, "  %s (%s)\n      %s\n", t.ID, v.why[t.ID], reason)
		}
	}
	return unexplained
}
