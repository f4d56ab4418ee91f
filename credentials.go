package unstale

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/jwt"
)

// DefaultCredentialTTL bounds the life of an answer that is kept for exactly the
// credentials of its request, unless HandlerOptions.CredentialTTL does.
const DefaultCredentialTTL = 60 * time.Second

// shownCredentials are those of a request that a fill sees which is made for
// exactly them.
type shownCredentials struct {
	named   bool            // these; else all
	fields  map[string]bool // by canonical name
	cookies map[string]bool
}

func newShownCredentials(names []string) shownCredentials {
	c := shownCredentials{named: len(names) > 0, fields: make(map[string]bool), cookies: make(map[string]bool)}
	for _, name := range names {
		c.fields[dashed(name)] = true
		c.cookies[name] = true
	}
	return c
}

// checkByCredentials refuses names that are neither of a cookie nor of a field.
func (o *HandlerOptions) checkByCredentials() error {
	if len(o.ByCredentials) > 0 && o.Identity != nil {
		return errors.New("unstale: HandlerOptions.ByCredentials beside HandlerOptions.Identity, whose place it takes")
	}
	for _, name := range o.ByCredentials {
		if !fieldName(name) {
			return fmt.Errorf("unstale: HandlerOptions.ByCredentials: %q is the name of neither a cookie nor a field", name)
		}
	}
	if o.CredentialTTL < 0 {
		return errors.New("unstale: HandlerOptions.CredentialTTL is negative")
	}
	return nil
}

// shows reports whether such a fill sees a field of the class.
func (m *middleware) shows(class fieldClass, name string) bool {
	switch {
	case class != fieldCredential && class != fieldSounds && class != fieldCookie:
		return false
	case !m.shown.named || class == fieldCookie:
		return true
	default:
		return m.shown.fields[dashed(name)]
	}
}

// showsCookie reports whether such a fill sees a cookie of the name.
func (m *middleware) showsCookie(name string) bool {
	return !m.fields.cookies.ignores(name) && (!m.shown.named || m.shown.cookies[name] || m.shown.fields["Cookie"])
}

// shownLines returns the lines of a field as such a fill sees them: of a Cookie
// field the cookies that matter.
func (m *middleware) shownLines(class fieldClass, lines []string) []string {
	if class != fieldCookie {
		return lines
	}
	var kept []string
	for _, line := range lines {
		var cookies []string
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = textproto.TrimString(cookie); cookie != "" && m.showsCookie(cookieName(cookie)) {
				cookies = append(cookies, cookie)
			}
		}
		if len(cookies) > 0 {
			kept = append(kept, strings.Join(cookies, "; "))
		}
	}
	return kept
}

// credentials calls f, in the order of their names, with the fields that such a
// fill sees.
func (m *middleware) credentials(h http.Header, f func(name string, lines []string)) {
	var room [8]string // on the stack, and nearly always enough
	names := room[:0]
	for name := range h {
		if m.shows(m.fields.of(name), name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if lines := m.shownLines(m.fields.of(name), h[name]); len(lines) > 0 {
			f(name, lines)
		}
	}
}

// appendCredentials implements selector.
func (g *get) appendCredentials(b []byte) []byte { return g.middleware.appendCredentials(b, g.r) }

// appendCredentials appends what such a fill sees of a request's credentials. Two
// requests with the same bytes carry the same.
func (m *middleware) appendCredentials(b []byte, r *http.Request) []byte {
	m.credentials(r.Header, func(name string, lines []string) { b = appendLines(appendText(b, name), lines) })
	if clientCertificate(r) && !m.shown.named {
		b = appendText(b, ":certificates")
		for _, c := range r.TLS.PeerCertificates {
			b = appendText(b, string(c.Raw))
		}
	}
	return b
}

// showCertificates adds the client's certificates to what a fill sees of TLS.
func (m *middleware) showCertificates(seen, s *tls.ConnectionState) {
	if seen != nil && !m.shown.named {
		seen.PeerCertificates, seen.VerifiedChains = s.PeerCertificates, s.VerifiedChains
	}
}

// identityByCredentials takes the place of HandlerOptions.Identity where
// ByCredentials is set.
func (m *middleware) identityByCredentials(r *http.Request) (string, error) {
	b := m.appendCredentials([]byte{digestCredentials}, r)
	if len(b) == 1 {
		return "", nil
	}
	return m.front.digests.of(b), nil
}

// credentialLife returns how long an answer may be kept for exactly the
// credentials of its request: an end that a handler checks by a clock is not
// seen, but what a JSON Web Token says of its own (RFC 7519 §4.1.4, §4.1.5) is.
func (g *get) credentialLife(now time.Time) time.Duration {
	life := orDefault(g.CredentialTTL, DefaultCredentialTTL)
	g.middleware.credentials(g.r.Header, func(_ string, lines []string) {
		for _, line := range lines {
			for _, t := range jwt.Changes(line) {
				// One that is past has had its effect: answers are those to a token that has ended.
				if left := t.Sub(now); left > 0 {
					life = min(life, left)
				}
			}
		}
	})
	return life
}
