package rfc9111

import (
	"strconv"
	"strings"
)

// Range is a part of a representation, in bytes. Length is at least 1.
type Range struct {
	Start  int64
	Length int64
}

// ContentRange returns the value of Content-Range for a 206 that carries r out
// of size bytes.
func (r Range) ContentRange(size int64) string {
	b := make([]byte, 0, 48)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, r.Start, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, r.Start+r.Length-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// UnsatisfiedRange returns the value of Content-Range for a 416.
func UnsatisfiedRange(size int64) string {
	return "bytes */" + strconv.FormatInt(size, 10)
}

// RangeResult says how a Range field is to be answered.
type RangeResult int

const (
	RangeIgnored       RangeResult = iota // as if it were not there: 200
	RangeSatisfiable                      // 206
	RangeUnsatisfiable                    // 416
)

// ParseRange reads the value of a Range field for a representation of size
// bytes (RFC 9110 §14.1.2). With RangeSatisfiable, the range lies within the
// size. A server may ignore any Range (§14.2); ignored are several ranges, other
// units, whatever is malformed, numbers beyond 63 bits, and every range of an
// empty representation, which clients send that limit every answer.
func ParseRange(value string, size int64) (Range, RangeResult) {
	unit, spec, ok := strings.Cut(value, "=")
	if !ok || !strings.EqualFold(unit, "bytes") || size <= 0 {
		return Range{}, RangeIgnored
	}
	first, last, ok := strings.Cut(strings.Trim(spec, " \t,"), "-") // empty members do not count, RFC 9110 §5.6.1
	if !ok {
		return Range{}, RangeIgnored
	}
	if first == "" {
		return parseSuffix(last, size)
	}
	start, ok := parseBytePos(first)
	if !ok {
		return Range{}, RangeIgnored
	}
	end := size - 1
	if last != "" {
		n, ok := parseBytePos(last)
		if !ok || n < start {
			return Range{}, RangeIgnored
		}
		end = min(end, n)
	}
	if start >= size {
		return Range{}, RangeUnsatisfiable
	}
	return Range{Start: start, Length: end - start + 1}, RangeSatisfiable
}

// parseSuffix reads the number of last bytes that "-n" asks for.
func parseSuffix(s string, size int64) (Range, RangeResult) {
	n, ok := parseBytePos(s)
	switch {
	case !ok:
		return Range{}, RangeIgnored
	case n == 0:
		return Range{}, RangeUnsatisfiable
	}
	n = min(n, size)
	return Range{Start: size - n, Length: n}, RangeSatisfiable
}

// parseBytePos reads digits only; strconv alone would accept a sign.
func parseBytePos(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
