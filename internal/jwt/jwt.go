// Package jwt finds JSON Web Tokens (RFC 7519) in texts and reads when they begin
// and cease to be valid. It verifies nothing.
package jwt

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"time"
)

// Changes returns the moments at which a token in the text begins to be valid
// ("nbf") or ceases to be ("exp"): of one that a Bearer field holds, as of one among
// cookies, which may be percent-encoded. Encrypted tokens (RFC 7516), which nobody
// can read, are not among them.
func Changes(text string) (at []time.Time) {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	for token := range strings.FieldsFuncSeq(text, func(r rune) bool { return !tokenRune(r) }) {
		header, rest, ok := strings.Cut(token, ".")
		if !ok {
			continue
		}
		payload, signature, ok := strings.Cut(rest, ".")
		if !ok || strings.Contains(signature, ".") || !object(header, new(struct{})) {
			continue
		}
		var claims struct {
			Exp json.Number `json:"exp"`
			Nbf json.Number `json:"nbf"`
		}
		if !object(payload, &claims) {
			continue
		}
		for _, n := range [...]json.Number{claims.Exp, claims.Nbf} {
			if t, ok := numericDate(n); ok {
				at = append(at, t)
			}
		}
	}
	return at
}

// tokenRune reports whether r may stand in a token in compact form.
func tokenRune(r rune) bool {
	return r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// object decodes a part of a token, and reports whether it is an object.
func object(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && len(b) > 0 && b[0] == '{' && json.Unmarshal(b, into) == nil
}

// numericDate returns the moment that a NumericDate means (RFC 7519 §2).
func numericDate(n json.Number) (time.Time, bool) {
	f, err := n.Float64()
	if err != nil || math.Abs(f) > 1<<40 {
		return time.Time{}, false
	}
	seconds := math.Floor(f)
	return time.Unix(int64(seconds), int64((f-seconds)*1e9)), true
}
