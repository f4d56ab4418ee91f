package unstale

import (
	"net/textproto"
	"slices"
	"strings"
)

// ignoredCookies are names of cookies that never matter, or prefixes of names.
type ignoredCookies struct {
	names    map[string]bool
	prefixes []string
}

func newIgnoredCookies(list []string) ignoredCookies {
	c := ignoredCookies{names: make(map[string]bool)}
	for _, name := range list {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			c.prefixes = append(c.prefixes, prefix)
		} else {
			c.names[name] = true
		}
	}
	return c
}

func (c *ignoredCookies) ignores(name string) bool {
	return c.names[name] || slices.ContainsFunc(c.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// carried reports whether the lines of a Cookie field have anything that is not
// to be ignored. What net/http would drop as malformed counts, because the
// handler may read it otherwise.
func (c *ignoredCookies) carried(lines []string) bool {
	for _, line := range lines {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = textproto.TrimString(cookie); cookie == "" {
				continue
			}
			if !c.ignores(cookieName(cookie)) {
				return true
			}
		}
	}
	return false
}

// cookieName returns the name of a cookie in a Cookie field as net/http reads it.
func cookieName(cookie string) string {
	name, _, _ := strings.Cut(cookie, "=")
	return textproto.TrimString(name)
}
