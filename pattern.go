package unstale

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of a pattern, so that matching it stays cheap.
const (
	maxPatternBytes     = 4096
	maxPatternWildcards = 32
)

// glob is a compiled pattern: pieces of text with a wildcard between each two.
type glob struct {
	source string
	pieces []piece
}

// piece is text that stands in the key as it is. Where an id begins or ends it,
// the key must not go on with a character of an id.
type piece struct {
	text        string
	left, right bool // an id stands at this end
}

// compilePattern compiles a pattern; each "{name}" stands for the next of ids,
// "*" for any text, everything else for itself.
func compilePattern(pattern string, ids []string) (*glob, error) {
	if pattern == "" {
		return nil, errors.New("unstale: empty pattern")
	}
	if len(pattern) > maxPatternBytes {
		return nil, fmt.Errorf("unstale: pattern of %d bytes, more than %d", len(pattern), maxPatternBytes)
	}
	if n := strings.Count(pattern, "*"); n > maxPatternWildcards {
		return nil, fmt.Errorf("unstale: pattern with %d wildcards, more than %d", n, maxPatternWildcards)
	}
	g := &glob{source: pattern}
	for part := range strings.SplitSeq(pattern, "*") {
		var p piece
		for {
			text, rest, found := strings.Cut(part, "{")
			if p.right && text != "" && idByte(text[0]) {
				return nil, fmt.Errorf("unstale: pattern %q: text directly after a placeholder", pattern)
			}
			if text != "" {
				p.right = false
			}
			p.text += text
			if !found {
				break
			}
			_, rest, found = strings.Cut(rest, "}")
			if !found {
				return nil, fmt.Errorf("unstale: pattern %q: { without }", pattern)
			}
			if len(ids) == 0 {
				return nil, fmt.Errorf("unstale: pattern %q: more placeholders than ids", pattern)
			}
			if ids[0] == "" {
				return nil, fmt.Errorf("unstale: pattern %q: empty id", pattern)
			}
			if n := len(p.text); n == 0 {
				p.left = true
			} else if idByte(p.text[n-1]) {
				return nil, fmt.Errorf("unstale: pattern %q: text directly before a placeholder", pattern)
			}
			p.text += Escape(ids[0])
			p.right = true
			ids, part = ids[1:], rest
		}
		g.pieces = append(g.pieces, p)
	}
	if len(ids) > 0 {
		return nil, fmt.Errorf("unstale: pattern %q: more ids than placeholders", pattern)
	}
	return g, nil
}

// String returns the pattern with its ids in place.
func (g *glob) String() string {
	texts := make([]string, len(g.pieces))
	for i, p := range g.pieces {
		texts[i] = p.text
	}
	return strings.Join(texts, "*")
}

// idByte reports whether b can be part of an escaped id.
func idByte(b byte) bool { return unreserved(b) || b == '%' }

// Match reports whether the whole key matches. The leftmost place for each piece
// is as good as any other, so no backtracking is needed.
func (g *glob) Match(key string) bool {
	last := len(g.pieces) - 1
	at := 0
	for i, p := range g.pieces {
		switch {
		case i == 0 && i == last:
			return len(key) == len(p.text) && p.fits(key, 0)
		case i == 0:
			if !p.fits(key, 0) {
				return false
			}
			at = len(p.text)
		case i == last:
			start := len(key) - len(p.text)
			return start >= at && p.fits(key, start)
		default:
			for {
				j := strings.Index(key[at:], p.text)
				if j < 0 {
					return false
				}
				if p.fits(key, at+j) {
					at += j + len(p.text)
					break
				}
				at += j + 1
			}
		}
	}
	return true
}

// fits reports whether the piece stands in key at position i.
func (p piece) fits(key string, i int) bool {
	end := i + len(p.text)
	if end > len(key) || key[i:end] != p.text {
		return false
	}
	if p.left && i > 0 && idByte(key[i-1]) {
		return false
	}
	return !p.right || end == len(key) || !idByte(key[end])
}
