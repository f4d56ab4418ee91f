package rfc9111

import (
	"iter"
	"strings"
)

// directive is a member of a Cache-Control field: token [ "=" ( token / quoted-string ) ].
type directive struct {
	name   string
	arg    string
	hasArg bool
}

// cutDirective reads the directive that s begins with, and returns what follows
// the comma after it. A member that does not follow the grammar is not ok and
// skipped up to the next comma, also one within quotes: what is quoted by a
// stray quotation mark is still looked at.
func cutDirective(s string) (dir directive, rest string, ok bool) {
	name, after := cutToken(s)
	if name == "" {
		return directive{}, skipMember(s), false
	}
	dir.name = name
	if strings.HasPrefix(after, "=") {
		dir.hasArg = true
		after = after[1:]
		if strings.HasPrefix(after, `"`) {
			if dir.arg, after, ok = cutQuoted(after); !ok {
				return directive{}, skipMember(s), false
			}
		} else {
			dir.arg, after = cutToken(after)
		}
	}
	after = strings.TrimLeft(after, " \t")
	if after != "" && after[0] != ',' {
		return directive{}, skipMember(s), false
	}
	return dir, after, true
}

func skipMember(s string) string {
	_, rest, _ := strings.Cut(s, ",")
	return rest
}

// cutQuoted reads a quoted-string (RFC 9110 §5.6.4) and resolves its escapes.
func cutQuoted(s string) (value, rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[1:i], s[i+1:], true
		case '\\':
			return cutEscaped(s, i)
		}
	}
	return "", "", false
}

// cutEscaped is the rare end of cutQuoted: the first backslash is at s[i].
func cutEscaped(s string, i int) (value, rest string, ok bool) {
	b := []byte(s[1:i])
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(b), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b = append(b, s[i])
	}
	return "", "", false
}

// cutToken reads the longest token (RFC 9110 §5.6.2) that s begins with.
func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && isTokenByte(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func isToken(s string) bool {
	token, rest := cutToken(s)
	return token != "" && rest == ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// members returns the members of a list that may run over several lines. Empty
// ones do not count (RFC 9110 §5.6.1.2). It is for lists in whose members no comma
// can be quoted.
func members(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range values {
			for member := range strings.SplitSeq(v, ",") {
				if member = trim(member); member != "" && !yield(member) {
					return
				}
			}
		}
	}
}

// trim removes optional whitespace (RFC 9110 §5.6.3) from both ends.
func trim(s string) string { return strings.Trim(s, " \t") }
