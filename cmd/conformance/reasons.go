package main

import (
	_ "embed"
	"fmt"
	"path"
	"strings"
)

// reasonsText says why required tests do not pass.
//
//go:embed reasons.txt
var reasonsText string

// reasons are lines of a verdict, a pattern of test ids as path.Match has it, and
// the reason.
type reasons []reason

type reason struct{ verdict, pattern, text string }

func parseReasons(text string) (reasons, error) {
	var rs reasons
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		verdict, rest, _ := strings.Cut(line, " ")
		pattern, text, _ := strings.Cut(strings.TrimSpace(rest), " ")
		r := reason{verdict, pattern, strings.TrimSpace(text)}
		_, err := path.Match(pattern, "")
		if err != nil || r.text == "" || verdict != failed.String() && verdict != unjudged.String() {
			return nil, fmt.Errorf("reasons.txt, line %d: %q", i+1, line)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// of returns the first reason that is there for a verdict about a test, or "".
func (rs reasons) of(v verdict, id string) string {
	for _, r := range rs {
		if ok, _ := path.Match(r.pattern, id); ok && r.verdict == v.String() {
			return r.text
		}
	}
	return ""
}
