package unstale_test

import (
	"slices"
	"strings"
)

// wireSends are the steps that send the header, and wireSets those that change
// it.
var (
	wireSends = []string{
		"repeat in the body", "echo in the body", "write", "write with its length", "write the state", "status", "set late", "flush",
		"redirect", "error", "content",
	}
	wireSets = []string{
		"set", "add", "delete", "lower case", "without any", "repeat in a field", "echo in a field", "echo or refuse",
		"write with its length", "declare a length", "redirect", "error", "content", "for HEAD alone", "hint",
		"announce a trailer", "set the trailer", "set a trailer", "set late",
	}
)

// valid reports whether a case keeps to what is promised. Each rule is a
// documented limit, or says what a frame breaks by itself, without a cache.
func (c *wireCase) valid() bool {
	if len(c.handlers) == 0 || len(c.exchanges) == 0 {
		return false
	}
	zipped := c.has("compress late", "compress at once")
	if c.count("compress late", "compress at once") > 1 || c.count("strip") > 1 || c.count("timeout") > 1 {
		return false
	}
	// What stands late outside leaves with an answer to HEAD whose body is missing,
	// and with what a buffer holds back.
	if c.has("set late") && c.has("compress late", "timeout") {
		return false
	}
	// Text behind what a compressor inside has closed is neither.
	if i := slices.IndexFunc(c.frames, func(f wireFrame) bool { return f.do == "append" }); zipped && i >= 0 {
		if slices.ContainsFunc(c.frames[i:], func(f wireFrame) bool { return strings.HasPrefix(f.do, "compress") }) {
			return false
		}
	}
	for _, h := range c.handlers {
		switch {
		case !h.saysVary():
			return false
		// A buffer does not fix the header in WriteHeader.
		case c.has("timeout", "compress late") && h.setsAfterSending():
			return false
		// It takes 103 for the answer, cannot flush and knows no trailers.
		case c.has("timeout") && h.has("hint", "announce a trailer", "set the trailer", "set a trailer", "flush"):
			return false
		// It begins with a header of its own, in which the cache cannot see what stands
		// outside of it.
		case c.adds("timeout") || c.has("timeout") && h.has("lower case"):
			return false
		// It sniffs what is written first, the others all that is written.
		case c.has("compress late") && h.startsLate():
			return false
		// It takes away the length that net/http would enforce.
		case zipped && h.has("declare a length", "write with its length"):
			return false
		// The end of the connection is the end of an answer by HTTP/1.0.
		case h.has("abort") && slices.ContainsFunc(c.exchanges, func(x wireExchange) bool { return x.client.version == "1.0" }):
			return false
		// Nothing can be appended to a body of a declared length.
		case c.has("append") && h.has("declare a length", "write with its length", "content"):
			return false
		// A part of what the cache knows is no part of what leaves, nor is its tag one
		// of that.
		case c.has("append") && slices.ContainsFunc(c.exchanges, func(x wireExchange) bool { return x.conditional() }):
			return false
		// What is more than the declared length resets a stream of HTTP/2, and a 304
		// has no length.
		case c.has("append") && h.has("declare a length", "write with its length", "content") &&
			slices.ContainsFunc(c.exchanges, func(x wireExchange) bool { return x.client.version == "2" }):
			return false
		// The boundary of several ranges is random.
		case h.has("content") && slices.ContainsFunc(c.exchanges, func(x wireExchange) bool { return x.severalRanges() }):
			return false
		}
	}
	return !slices.ContainsFunc(c.exchanges, func(x wireExchange) bool { return x.handler >= len(c.handlers) })
}

func (c *wireCase) count(do ...string) (n int) {
	for _, f := range c.frames {
		if slices.Contains(do, f.do) {
			n++
		}
	}
	return n
}

// adds reports whether a frame outside of one of this kind sets a field that the
// cache adds or takes away, or looks at before it does.
func (c *wireCase) adds(do string) bool {
	for _, f := range c.frames {
		if f.do == do {
			break
		}
		switch f.name {
		case "Content-Type", "Content-Encoding", "Content-Language", "Last-Modified", "Etag", "Cache-Control", "Expires", "Pragma":
			return c.has(do)
		}
	}
	return false
}

// saysVary reports whether the handler says by which fields it answers, of those
// that it has to name: before the header is sent, and not taken back.
func (h wireHandler) saysVary() bool {
	sent, said := false, false
	for _, s := range h {
		if s.input != "" && s.input.mustVary() != "" {
			if sent {
				return false
			}
			said = true
		}
		if said && s.name == "Vary" && slices.Contains([]string{"set", "delete", "without any"}, s.do) {
			return false
		}
		sent = sent || slices.Contains(wireSends, s.do)
	}
	return true
}

func (h wireHandler) setsAfterSending() bool {
	sent := false
	for _, s := range h {
		if (sent || s.do == "set late") && slices.Contains(wireSets, s.do) {
			return true
		}
		sent = sent || slices.Contains(wireSends, s.do)
	}
	return false
}

// startsLate reports whether something is written before what looks like the
// beginning of a file.
func (h wireHandler) startsLate() bool {
	written := false
	for _, s := range h {
		if written && s.do == "write" && s.value != "text" && s.value != "large" {
			return true
		}
		written = written || slices.Contains(wireSends, s.do)
	}
	return false
}

func (x *wireExchange) severalRanges() bool {
	return slices.ContainsFunc(x.fields, func(f string) bool { return strings.HasPrefix(f, "Range: ") && strings.Contains(f, ",") })
}

// conditional reports whether a part is asked for, or what is new.
func (x *wireExchange) conditional() bool {
	return x.tag != "" || slices.ContainsFunc(x.fields, func(f string) bool { return strings.HasPrefix(f, "Range: ") })
}
