package unstale_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// A wireZoo makes random services.
type wireZoo struct{ *rand.Rand }

func (z *wireZoo) chance(percent int) bool { return z.IntN(100) < percent }

func oneOf[T any](z *wireZoo, list ...T) T { return list[z.IntN(len(list))] }

// newWireCase returns the case that a seed stands for.
func newWireCase(seed uint64) *wireCase {
	z := &wireZoo{rand.New(rand.NewPCG(seed, 11))}
	for {
		c := new(wireCase)
		for range z.IntN(4) {
			c.frames = append(c.frames, z.frame())
		}
		for range 1 + z.IntN(5)/4 {
			c.handlers = append(c.handlers, z.handler(c.has("compress at once")))
		}
		z.support(c)
		z.exchanges(c)
		if c.valid() {
			return c
		}
	}
}

// wireAnswerFields are the fields that handlers and frames set, with values. The
// first ones are those that net/http or the cache care about.
var wireAnswerFields = []struct {
	name   string
	values []string
}{
	{"Content-Type", []string{"application/json", "text/html; charset=utf-8", "image/png"}},
	{"Cache-Control", []string{"no-store", "max-age=60", "public, max-age=5", "private", "no-cache", "private, no-store"}},
	{"Etag", []string{`"one-entity-tag"`, `W/"a-weak-entity-tag"`}},
	{"Last-Modified", []string{"Sun, 09 Sep 2001 01:46:40 GMT"}},
	{"Vary", []string{"Origin", "Accept, Accept-Encoding", "X-Theme", "User-Agent", "Traceparent", "Cookie", "*"}},
	{"Date", []string{wireDate}},
	{"Expires", []string{"Thu, 01 Jan 2099 00:00:00 GMT", "0"}},
	{"Set-Cookie", []string{"a=1; Path=/", "b=2"}},
	{"Link", []string{"</style.css>; rel=preload", "</script.js>; rel=preload"}},
	{"Location", []string{"/somewhere/else"}},
	{"Content-Encoding", []string{"br", "identity"}},
	{"Content-Language", []string{"de-CH", "en"}},
	{"Server-Timing", []string{"db;dur=53", "app;dur=47.2"}},
	{"Pragma", []string{"no-cache"}},
	{"X-Frame-Options", []string{"DENY", "SAMEORIGIN"}},
	{"X-Policy", []string{"policy-of-the-house", "policy-of-the-guest"}},
	{"X-Policy", []string{"another-policy-of-the-house"}},
	{"X-Nonce", []string{"a-constant-nonce", "parity-10"}},
	{"Access-Control-Allow-Origin", []string{"*"}},
}

// field returns a field of an answer. Those with rules of their own, which make
// most answers unstorable, are rarer.
func (z *wireZoo) field() (name, value string) {
	for {
		f := oneOf(z, wireAnswerFields...)
		if slices.Contains([]string{"Cache-Control", "Vary", "Expires", "Set-Cookie", "Pragma"}, f.name) && z.chance(60) {
			continue
		}
		return f.name, oneOf(z, f.values...)
	}
}

// wireSources are where frames have values from, other than constants: of eight
// bytes or more each.
var wireSources = []string{
	"nonce", "parity", "from X-Nonce-In", "from X-Request-Id", "from Accept-Language", "from Origin", "from X-Forwarded-For",
}

func (z *wireZoo) frame() wireFrame {
	switch z.IntN(20) {
	default:
		name, value := z.field()
		return wireFrame{oneOf(z, "set", "set", "set", "add", "add", "delete", "without any"), name, value}
	case 8, 9, 10:
		if z.chance(25) {
			name, _ := z.field()
			return wireFrame{oneOf(z, "set", "add"), name, "sometimes"}
		}
		return wireFrame{"set", oneOf(z, "X-Nonce", "X-Nonce", "X-Request-Id", "Content-Language"), oneOf(z, wireSources...)}
	case 11:
		return wireFrame{do: oneOf(z, "path value", "context value"), value: oneOf(z, wireSources[1:]...)}
	case 12:
		name, value := z.field()
		return wireFrame{"set late", name, value}
	case 13, 14:
		return wireFrame{do: oneOf(z, "compress late", "compress at once")}
	case 15:
		return wireFrame{do: "timeout"}
	case 16:
		return wireFrame{do: "strip"}
	case 17:
		return wireFrame{do: "mux"}
	case 18, 19:
		return wireFrame{do: oneOf(z, "wrap", "wrap, unwrappable", "append")}
	}
}

func (z *wireZoo) input() wireInput {
	inputs := []wireInput{
		"path", "query", "host", "proto", "tls", "server name", "negotiated protocol", "tls version", "pattern",
		"path value one", "path value tenant", "local address", "server", "context value", "encodings",
	}
	if z.chance(30) {
		return oneOf(z, inputs...)
	}
	for {
		if f := oneOf(z, wireFields...); f.class < fieldHidden {
			return wireInput(oneOf(z, "field ", "field ", "field ", "forwarded ") + f.name)
		}
	}
}

func (z *wireZoo) handler(typed bool) (h wireHandler) {
	calm := z.chance(65)
	if calm || z.chance(85) {
		h = append(h, wireStep{do: "depend"})
	}
	if typed {
		h = append(h, wireStep{do: "set", name: "Content-Type", value: oneOf(z, "text/plain", "application/json", "image/png")})
	}
	for range z.IntN(4) {
		h = append(h, z.headerStep())
	}
	if z.chance(70) {
		h = append(h, wireStep{do: oneOf(z, "echo in a field", "echo in the body"), input: z.input()})
	}
	if calm {
		return append(h, z.bodySteps()...)
	}
	for range z.IntN(4) {
		h = append(h, z.oddStep())
	}
	h = append(h, z.bodySteps()...)
	if z.chance(40) {
		h = append(h, z.oddStep())
	}
	return h
}

func (z *wireZoo) headerStep() wireStep {
	name, value := z.field()
	switch z.IntN(12) {
	case 0, 1, 2, 3:
		return wireStep{do: "set", name: name, value: value}
	case 4, 5:
		return wireStep{do: "add", name: name, value: value}
	case 6, 7:
		return wireStep{do: "delete", name: name}
	case 8:
		if strings.HasPrefix(name, "X-") { // other fields mean something in every spelling
			return wireStep{do: "lower case", name: name, value: value}
		}
		return wireStep{do: "without any", name: name}
	default:
		return wireStep{do: oneOf(z, "repeat in a field", "repeat in the body"), name: oneOf(z, "X-Nonce", "X-Nonce", "X-Request-Id", "X-Policy", "Content-Language")}
	}
}

func (z *wireZoo) bodySteps() (h wireHandler) {
	if z.chance(50) {
		h = append(h, wireStep{do: "write the state"})
	}
	switch z.IntN(10) {
	default:
		h = append(h, wireStep{do: "write", value: "text", n: oneOf(z, 0, 10, 500, 3000)})
	case 1, 2:
		begin := oneOf(z, "<!doctype html><p>x", `{"a": 1}`, "\x89PNG\r\n\x1a\n\x00\x00")
		h = slices.Insert(h, 0, wireStep{do: "write", value: begin, n: oneOf(z, 0, 600)})
	case 3:
		h = append(h, wireStep{do: "write with its length", value: "text", n: oneOf(z, 0, 10, 500, 3000)})
	case 4:
		h = append(h, wireStep{do: "content", value: oneOf(z, "a.txt", "a.html", "a"), n: z.IntN(2)})
	case 5:
		h = append(h, wireStep{do: "redirect", value: oneOf(z, "/there?a=b", "there"), n: oneOf(z, 301, 302, 308)})
	case 6:
		h = append(h, wireStep{do: "error", n: oneOf(z, 404, 404, 410, 400, 405, 406, 412, 415, 418, 421, 451, 500, 503)})
	}
	return h
}

func (z *wireZoo) oddStep() wireStep {
	name, value := z.field()
	switch z.IntN(14) {
	case 0:
		return wireStep{do: "flush"}
	case 1:
		return wireStep{do: "hint", value: value}
	case 2:
		return wireStep{do: "set late", name: name, value: value}
	case 3:
		return wireStep{do: oneOf(z, "announce a trailer", "set a trailer")}
	case 4:
		return wireStep{do: "set the trailer", value: "sum"}
	case 5:
		if z.chance(30) {
			return wireStep{do: "abort"}
		}
		return wireStep{do: "for HEAD alone"}
	case 6:
		return wireStep{do: "declare a length", n: oneOf(z, 5, 10, 500)}
	case 7:
		return wireStep{do: "write", value: "large", n: oneOf(z, 5000, wireMaxBody+1000)}
	case 8:
		return wireStep{do: "echo or refuse", input: z.input(), n: oneOf(z, 400, 404, 406, 451)}
	case 9, 10:
		return wireStep{do: "status", n: oneOf(z, 200, 201, 203, 204, 300, 304, 400, 404, 410, 418, 500)}
	default:
		return z.headerStep()
	}
}

// exchanges asks for a few things again and again, with small changes.
func (z *wireZoo) exchanges(c *wireCase) {
	base := make([]wireExchange, 1+z.IntN(2))
	for i := range base {
		x := &base[i]
		x.method, x.host = http.MethodGet, "a.example"
		x.path = oneOf(z, "/p/t1/a", "/p/t1/a", "/p/t1/a?b=2&a=1", "/p/t1/a%2Fb;c", "/p/t2/a")
		for range z.IntN(3) {
			z.addField(x)
		}
		if z.chance(10) {
			z.client(x)
		}
	}
	for i := range 4 + z.IntN(9) {
		x := oneOf(z, base...)
		x.number, x.fields = i, slices.Clone(x.fields)
		x.handler = z.IntN(len(c.handlers))
		x.invalidate = z.chance(8)
		if z.chance(50) {
			z.change(&x)
		}
		if inputs := c.inputs(); len(inputs) > 0 && z.chance(50) {
			z.vary(&x, oneOf(z, inputs...))
		}
		if c.has("compress late", "compress at once") && z.chance(50) {
			x.fields = append(x.fields, "Accept-Encoding: gzip")
		}
		if z.chance(4) {
			x.atOnce = 2 + z.IntN(3)
		}
		c.exchanges = append(c.exchanges, x)
	}
}

func (z *wireZoo) change(x *wireExchange) {
	for range 1 + z.IntN(2) {
		switch z.IntN(14) {
		case 0, 1:
			x.method = oneOf(z, http.MethodHead, http.MethodHead, http.MethodHead, http.MethodOptions, http.MethodPost)
		case 2:
			x.tag = oneOf(z, "seen", "seen", "seen", `"foreign"`, "*")
		case 3, 4:
			x.fields = append(x.fields, "Range: "+oneOf(z, "bytes=0-3", "bytes=2-5", "bytes=-4", "bytes=5-", "bytes=90000-", "bytes=0-1,4-5", "bytes=x"))
			if z.chance(25) {
				x.ifRange = oneOf(z, "seen", "seen", `"foreign"`, "Sun, 09 Sep 2001 01:46:40 GMT")
			}
		case 5:
			x.fields = append(x.fields, "If-Modified-Since: "+oneOf(z, "Sun, 09 Sep 2001 01:46:40 GMT", "Sat, 09 Sep 2000 01:46:40 GMT"))
		case 6:
			z.client(x)
		case 7:
			x.host = oneOf(z, "A.example", "b.example")
		case 8:
			x.path = oneOf(z, "/p/t1/a?a=1&b=2", "/p/t1/a?b=2&a=1", "/p/t1/a?a", "/p/t1/%61", "/p/t2/a")
		case 9:
			x.fields = append(x.fields, "Accept-Encoding: "+oneOf(z, "gzip", "gzip, br", "br;q=0, gzip", "identity", "gzip;q=0"))
		default:
			z.addField(x)
		}
	}
}

// support puts frames outside without which handlers find nothing to answer by,
// and has handlers set what frames set, too.
func (z *wireZoo) support(c *wireCase) {
	for _, input := range c.inputs() {
		var f wireFrame
		switch input {
		case "path value tenant":
			f = wireFrame{do: "path value", value: oneOf(z, wireSources[1:]...)}
		case "context value":
			f = wireFrame{do: "context value", value: oneOf(z, wireSources[1:]...)}
		case "path value one", "pattern":
			f = wireFrame{do: oneOf(z, "mux", "muxes in turn", "muxes in turn")}
		default:
			continue
		}
		c.frames = append(c.frames, f)
	}
	for _, f := range c.frames {
		// What stands there now and then. No hit replays an id.
		if h := &c.handlers[z.IntN(len(c.handlers))]; f.do == "set" && f.value == "parity" && f.name != "X-Request-Id" && z.chance(50) {
			*h = slices.Insert(*h, 0, wireStep{do: "set", name: f.name, value: "parity-10"})
		}
	}
}

// vary changes of a request what some handler answers by, and nothing else.
func (z *wireZoo) vary(x *wireExchange, input wireInput) {
	switch input {
	case "host":
		x.host = oneOf(z, "A.example", "b.example")
	case "path", "query":
		x.path = oneOf(z, "/p/t1/a?a=1&b=2", "/p/t1/a?a", "/p/t2/a")
	case "local address", "server":
		x.client.listener = z.IntN(2)
	case "proto":
		x.client.version = oneOf(z, "", "1.0")
	case "tls", "server name":
		x.client = wireClient{name: oneOf(z, "a.example", "b.example")}
	case "tls version":
		x.client = wireClient{name: "a.example", old: z.chance(50)}
	case "negotiated protocol":
		x.client = wireClient{name: "a.example", version: oneOf(z, "", "2")}
	case "encodings":
		x.fields = append(x.fields, "Accept-Encoding: "+oneOf(z, "gzip", "br", "gzip, br"))
	}
	name, proxied, _ := input.field()
	for _, f := range wireFields {
		if f.name == name {
			x.fields = append(x.fields, f.name+": "+oneOf(z, f.values...))
			if proxied && z.chance(50) && x.client.version != "2" {
				x.fields = append(x.fields, "Connection: "+f.name)
			}
		}
	}
}

func (z *wireZoo) addField(x *wireExchange) {
	f := oneOf(z, wireFields...)
	if f.class > fieldByVary && z.chance(50) || f.name == "Connection" && x.client.version == "2" {
		return
	}
	x.fields = append(x.fields, f.name+": "+oneOf(z, f.values...))
	if z.chance(5) { // two lines of one field
		x.fields = append(x.fields, f.name+": "+oneOf(z, f.values...))
	}
}

func (z *wireZoo) client(x *wireExchange) {
	x.client = oneOf(z,
		wireClient{listener: 1}, wireClient{listener: 1}, wireClient{version: "1.0"},
		wireClient{name: "a.example"}, wireClient{name: "b.example"}, wireClient{name: "a.example", old: true},
		wireClient{name: "a.example", version: "2"}, wireClient{name: "b.example", version: "2"},
		wireClient{name: "a.example", version: "2", listener: 1},
	)
}
