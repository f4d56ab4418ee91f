package rfc9111

import "net/http"

// Stored is what deciding about conditions and ranges needs to know of a stored
// response.
type Stored struct {
	Status int
	ETag   string // as in the field; "" if there is none
	Size   int64  // of the body in bytes

	// LastModified is the field's value if the application opted in to
	// If-Modified-Since, else "".
	LastModified string
}

// Outcome is how a request is answered from a stored response.
type Outcome struct {
	Status int   // the stored status, or 206, 304 or 416
	Range  Range // of the body, if Status is 206
}

// Bypass reports whether a request carries a precondition that only an origin
// server may evaluate: If-Match and If-Unmodified-Since are not applicable to a
// cache (RFC 9111 §4.3.2). RFC 9110 §13.1.1 would let a cache ignore them; then
// a handler that answers 412 would do so only on a miss. Such requests go to
// the handler as they are.
func Bypass(h http.Header) bool {
	return len(h["If-Match"]) > 0 || len(h["If-Unmodified-Since"]) > 0
}

// Evaluate decides how a GET or HEAD request with header h is answered from s,
// in the order of RFC 9110 §13.2.2. It assumes that s was selected for the
// request and that Bypass is false. parts says whether the answer may be a part
// of s; otherwise Range is not looked at, as §14.2 lets a server do.
func Evaluate(method string, h http.Header, s Stored, parts bool) Outcome {
	whole := Outcome{Status: s.Status}
	if s.Status != http.StatusOK {
		return whole // §13.2.1, §14.2: neither conditions nor ranges concern an error or a redirect
	}
	if values := h["If-None-Match"]; len(values) > 0 {
		if IfNoneMatch(values, s.ETag) {
			return Outcome{Status: http.StatusNotModified}
		}
	} else if NotModifiedSince(h["If-Modified-Since"], s.LastModified) {
		return Outcome{Status: http.StatusNotModified}
	}
	ranges := h["Range"]
	if !parts || method != http.MethodGet || len(ranges) != 1 {
		return whole // §14.2: ranges are defined for GET alone
	}
	if values := h["If-Range"]; len(values) > 0 && !IfRange(values, s.ETag) {
		return whole
	}
	switch r, result := ParseRange(ranges[0], s.Size); result {
	case RangeSatisfiable:
		return Outcome{Status: http.StatusPartialContent, Range: r}
	case RangeUnsatisfiable:
		return Outcome{Status: http.StatusRequestedRangeNotSatisfiable}
	}
	return whole
}
