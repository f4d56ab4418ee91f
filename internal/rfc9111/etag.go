package rfc9111

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// ETag is an entity tag (RFC 9110 §8.8.3).
type ETag struct {
	Weak   bool
	Opaque string // without the quotation marks
}

// String returns the tag as it stands in a field.
func (t ETag) String() string {
	if t.Weak {
		return `W/"` + t.Opaque + `"`
	}
	return `"` + t.Opaque + `"`
}

// StrongETag returns a strong entity tag, quotation marks included, that differs
// for different content types or bodies: 128 bits of SHA-256 over both.
func StrongETag(contentType string, body []byte) string {
	h := sha256.New()
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(contentType)))
	h.Write(n[:])
	h.Write([]byte(contentType))
	h.Write(body)
	var sum [sha256.Size]byte
	var tag [24]byte
	return string(append(base64.RawURLEncoding.AppendEncode(append(tag[:0], '"'), h.Sum(sum[:0])[:16]), '"'))
}

// ParseETag reads a single entity tag.
func ParseETag(s string) (tag ETag, ok bool) {
	tag, rest, ok := cutETag(trim(s))
	if !ok || rest != "" {
		return ETag{}, false
	}
	return tag, true
}

// ParseETagList reads all lines of If-None-Match or If-Match: a list of entity
// tags, or star for "*" standing alone. ok is false, and the list empty, if any
// part is malformed or if there is no member at all.
func ParseETagList(values []string) (tags []ETag, star, ok bool) {
	star, ok = eachETag(values, func(t ETag) { tags = append(tags, t) })
	if !ok {
		return nil, false, false
	}
	return tags, star, true
}

// IfNoneMatch reports whether one of the tags that the lines of an If-None-Match
// field list is etag by the weak comparison (RFC 9110 §13.1.2), so that 304 is
// the answer. "*" matches whatever etag is. A malformed field matches nothing,
// and a malformed or empty etag is matched only by "*".
func IfNoneMatch(values []string, etag string) bool {
	own, valid := ParseETag(etag)
	match := false
	star, ok := eachETag(values, func(t ETag) {
		match = match || valid && t.Opaque == own.Opaque
	})
	return ok && (star || match)
}

// IfRange reports whether the value of an If-Range field lets a Range apply to
// the representation with the given etag (RFC 9110 §13.1.5): both are the same
// strong entity tag. A date never does, because two versions may share a second
// (§8.8.2.2); the client then gets the whole.
func IfRange(values []string, etag string) bool {
	if len(values) != 1 {
		return false
	}
	theirs, ok := ParseETag(values[0])
	if !ok || theirs.Weak {
		return false
	}
	own, ok := ParseETag(etag)
	return ok && !own.Weak && own.Opaque == theirs.Opaque
}

// NotModifiedSince reports whether If-Modified-Since makes 304 the answer for a
// representation with the given Last-Modified (RFC 9110 §13.1.3). Versions that
// share a second cannot be told apart by it, so it is for applications that ask
// for it. Fields that are not a single date are ignored.
func NotModifiedSince(values []string, lastModified string) bool {
	if len(values) != 1 {
		return false
	}
	since, ok := parseDate(values[0])
	if !ok {
		return false
	}
	modified, ok := parseDate(lastModified)
	return ok && !modified.After(since)
}

// eachETag calls yield for each tag of a list. ok is false if the list is
// malformed or empty; some tags may have been yielded before that was seen.
func eachETag(values []string, yield func(ETag)) (star, ok bool) {
	if len(values) == 1 && trim(values[0]) == "*" {
		return true, true
	}
	n := 0
	for _, s := range values {
		for s = strings.TrimLeft(s, " \t,"); s != ""; s = strings.TrimLeft(s, " \t,") {
			tag, rest, ok := cutETag(s)
			if !ok {
				return false, false
			}
			rest = strings.TrimLeft(rest, " \t")
			if rest != "" && rest[0] != ',' {
				return false, false
			}
			yield(tag)
			n++
			s = rest
		}
	}
	return false, n > 0
}

// cutETag reads the entity tag that s begins with.
func cutETag(s string) (tag ETag, rest string, ok bool) {
	if strings.HasPrefix(s, "W/") {
		tag.Weak = true
		s = s[2:]
	}
	if !strings.HasPrefix(s, `"`) {
		return ETag{}, "", false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			tag.Opaque = s[1:i]
			return tag, s[i+1:], true
		case c <= ' ' || c == 0x7f:
			return ETag{}, "", false
		}
	}
	return ETag{}, "", false
}
