package moderation

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a list of words.
const (
	MaxWordsSize = 1 << 20 // bytes
	maxWords     = 10_000
)

//go:embed words.txt
var defaultWords []byte

// Words is a Moderator that looks for words of a list. What holds none passes.
type Words struct{ entries []entry }

type entry struct {
	violation string
	word      string // folded
	whole     bool   // only as a whole word
}

// DefaultWords returns the list that is built in.
func DefaultWords() *Words {
	w, err := ParseWords(defaultWords)
	if err != nil {
		panic(err) // a test reads it
	}
	return w
}

// ParseWords reads a list in UTF-8: a violation (porn, politics or abuse), a
// space and a word on each line; lines that are empty or begin with "#" say
// nothing. The error names the line.
func ParseWords(list []byte) (*Words, error) {
	if len(list) > MaxWordsSize {
		return nil, fmt.Errorf("the list of words has more than %d bytes", MaxWordsSize)
	}
	w := &Words{}
	lines := bufio.NewScanner(bytes.NewReader(list))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		violation, word, _ := strings.Cut(line, " ")
		folded := fold(word)
		switch {
		case !utf8.ValidString(line):
			return nil, fmt.Errorf("line %d of the list of words is not UTF-8", n)
		case !known(violation):
			return nil, fmt.Errorf("line %d of the list of words begins with %q instead of porn, politics or abuse", n, violation)
		case folded.joined == "":
			return nil, fmt.Errorf("line %d of the list of words has no word", n)
		case len(w.entries) == maxWords:
			return nil, fmt.Errorf("the list of words has more than %d", maxWords)
		}
		e := entry{violation: violation, word: folded.joined}
		if e.whole = !strings.ContainsFunc(folded.joined, unwritten); e.whole {
			e.word = folded.spaced
		}
		w.entries = append(w.entries, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the list of words: %w", err)
	}
	if len(w.entries) == 0 {
		return nil, errors.New("the list of words is empty")
	}
	return w, nil
}

func known(violation string) bool {
	return slices.Contains([]string{Porn, Politics, Abuse}, violation)
}

// unwritten reports whether r belongs to a script that puts no spaces between
// words.
func unwritten(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

// Name implements Moderator.
func (w *Words) Name() string { return "words" }

// Check implements Moderator. It never fails.
func (w *Words) Check(_ context.Context, text, _ string) (Verdict, error) {
	folded := fold(text)
	found := map[string]bool{}
	for _, e := range w.entries {
		in := folded.joined
		if e.whole {
			in = folded.spaced
		}
		if !found[e.violation] && strings.Contains(in, e.word) {
			found[e.violation] = true
		}
	}
	if len(found) == 0 {
		return Verdict{Decision: Pass, Violations: []string{}}, nil
	}
	v := Verdict{Decision: Reject, Confidence: 1}
	for violation := range found {
		v.Violations = append(v.Violations, violation)
	}
	slices.Sort(v.Violations)
	return v, nil
}

// folded is a text without what makes the same word look different: case, width
// and what is no letter or digit.
type folded struct {
	joined string // letters and digits alone
	spaced string // words with one space between them and around
}

func fold(text string) folded {
	var joined, spaced strings.Builder
	spaced.WriteByte(' ')
	space := true
	for _, r := range text {
		if r >= '！' && r <= '～' {
			r -= '！' - '!' // full width
		}
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			r = unicode.ToLower(r)
			joined.WriteRune(r)
			spaced.WriteRune(r)
			space = false
		case unicode.Is(unicode.Cf, r): // invisible
		case !space:
			spaced.WriteByte(' ')
			space = true
		}
	}
	if !space {
		spaced.WriteByte(' ')
	}
	return folded{joined.String(), spaced.String()}
}
