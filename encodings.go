package unstale

import (
	"strconv"
	"strings"
)

// encodings are the content codings that a client accepts, as far as servers use
// them: a set of bits. Its text is the normal form of Accept-Encoding (RFC 9110
// §12.5.3), which a fill sees.
type encodings uint8

const (
	encodesBrotli encodings = 1 << iota
	encodesGzip
	encodesZstd

	encodesAll            = encodesBrotli | encodesGzip | encodesZstd
	encodesSome encodings = 1 << 7 // the client names a coding, if only to refuse it: a compressor may misread that
)

// encodingForms are the normal forms, by the set.
var encodingForms = [...]string{"", "br", "gzip", "br, gzip", "zstd", "br, zstd", "gzip, zstd", "br, gzip, zstd"}

// String returns the normal form; it is "" where the client accepts nothing but
// identity.
func (e encodings) String() string { return encodingForms[e&encodesAll] }

// readEncodings reads the lines of Accept-Encoding. No field, and no line,
// accepts identity alone: nobody encodes then.
func readEncodings(lines []string) (e encodings) {
	if len(lines) == 1 {
		switch lines[0] { // what browsers send
		case "gzip, deflate, br, zstd":
			return encodesAll | encodesSome
		case "gzip, deflate, br":
			return encodesGzip | encodesBrotli | encodesSome
		case "gzip, deflate", "gzip":
			return encodesGzip | encodesSome
		}
	}
	var named encodings
	others := false
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			coding, parameters, _ := strings.Cut(member, ";")
			var one encodings
			switch coding = strings.ToLower(strings.Trim(coding, " \t")); coding {
			case "", "identity":
				continue
			case "br":
				one = encodesBrotli
			case "gzip", "x-gzip": // §8.4.1.3
				one = encodesGzip
			case "zstd":
				one = encodesZstd
			case "*":
				others = acceptable(parameters)
				e |= encodesSome
				continue
			}
			e |= encodesSome
			named |= one
			if acceptable(parameters) {
				e |= one
			} else {
				e &^= one
			}
		}
	}
	if others {
		e |= encodesAll &^ named
	}
	return e
}

// acceptable reports whether the weight among parameters is above 0. What is no
// weight counts as none: a client that cannot be understood gets identity.
func acceptable(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(p, " \t"), "=")
		if strings.EqualFold(strings.Trim(name, " \t"), "q") {
			q, err := strconv.ParseFloat(strings.Trim(value, " \t"), 64)
			return err == nil && q > 0 && q <= 1
		}
	}
	return true
}
