package unstale

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

// The place of an entry is the name of its URI, by which it is invalidated, and
// a digest of everything else that a fill of the request sees: which handler, how
// the request came, what routers found in its path, and the request fields that
// select. Two requests with one place are one request to the handler, but for
// what an answer's Vary names and for who asks.

// place returns the key of the request's place and, as the part before the line
// break, the name of its URI. The digest holds what follows, each part so that no
// other input has the same bytes.
func (g *get) place(t *target, fields *requestFields) (name, place string) {
	var room [384]byte // on the stack, and nearly always enough
	digest := ""
	if t.seen == "" && g.r.TLS == nil && g.r.Pattern == "" && len(fields.unknown) == 0 && len(g.w.Header()) == 0 && !g.front.layout.hasValues(g.r) {
		digest = g.plainDigest(t, fields, room[:0])
	} else {
		digest = g.digest(t, fields, room[:0])
	}
	b := room[:0]
	b = t.appendKey(b, g.front.options.Prefix)
	n := len(b)
	b = append(append(b, '\n'), digest...)
	place = string(b)
	return place[:n], place
}

// digest returns the digest of the place. b is room for what is digested.
func (g *get) digest(t *target, fields *requestFields, b []byte) string {
	r := g.r
	b = append(b, digestPlace)
	b = appendText(b, g.id)
	b = appendText(b, t.seen)
	b = append(appendText(b, r.Proto), byte(r.ProtoMajor), byte(r.ProtoMinor))
	b = appendTLS(b, r.TLS)
	b = appendText(b, r.Pattern)
	b = g.front.layout.appendValues(b, r)
	b = fields.appendTo(b, r.Header)
	b = appendNames(b, g.w.Header())
	return g.front.digests.of(b)
}

// A plainPlace is what selects by requests for which nothing selects but the
// protocol and the fields with few values, with the digest of it. A handler keeps
// some, because nearly all of its requests are of a few browsers.
type plainPlace struct {
	proto        string
	major, minor int
	encodings    encodings
	present      [fieldEncoding]bool
	few          [fieldEncoding]string
	digest       string
}

// plainDigest is digest for such a request.
func (g *get) plainDigest(t *target, fields *requestFields, room []byte) string {
	accept := 0
	if lines := fields.few[fieldAccept]; len(lines) > 0 {
		accept = len(lines[0])
	}
	slot := &g.plain[(accept+int(fields.encodings)+g.r.ProtoMajor)%len(g.plain)]
	if p := slot.Load(); p != nil && p.is(g.r, fields) {
		return p.digest
	}
	p := &plainPlace{
		major: g.r.ProtoMajor, minor: g.r.ProtoMinor, encodings: fields.encodings & encodesAll,
		digest: g.digest(t, fields, room),
	}
	// The texts lie side by side in memory, for a hit to wait for few places of it.
	var text strings.Builder
	for _, lines := range fields.few {
		if len(lines) > 1 || len(lines) == 1 && len(lines[0]) > maxDigestBytes {
			return p.digest
		}
		if len(lines) == 1 {
			text.WriteString(lines[0])
		}
	}
	text.WriteString(g.r.Proto)
	text.WriteString(p.digest)
	rest := text.String()
	cut := func(n int) (s string) {
		s, rest = rest[:n], rest[n:]
		return s
	}
	for class, lines := range fields.few {
		if p.present[class] = len(lines) == 1; p.present[class] {
			p.few[class] = cut(len(lines[0]))
		}
	}
	p.proto, p.digest = cut(len(g.r.Proto)), rest
	slot.Store(p)
	return p.digest
}

// is reports whether just this selects by a request.
func (p *plainPlace) is(r *http.Request, fields *requestFields) bool {
	if p.encodings != fields.encodings&encodesAll || p.proto != r.Proto || p.major != r.ProtoMajor || p.minor != r.ProtoMinor {
		return false
	}
	for class, lines := range fields.few {
		if p.present[class] != (len(lines) == 1) || len(lines) > 1 || len(lines) == 1 && p.few[class] != lines[0] {
			return false
		}
	}
	return true
}

// appendNames appends the names of what stands in the header of the response
// before the handler runs. With the same names there, what a handler does to the
// header is the same difference.
func appendNames(b []byte, h http.Header) []byte {
	if len(h) == 0 {
		return b
	}
	var room [16]string // on the stack, and nearly always enough
	names := room[:0]
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = append(appendText(b, name), byte(min(len(h[name]), 1))) // it may be there without a value
	}
	return b
}

// appendTLS appends what a fill sees of the connection's TLS.
func appendTLS(b []byte, s *tls.ConnectionState) []byte {
	if s == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = binary.BigEndian.AppendUint16(b, s.Version)
	b = binary.BigEndian.AppendUint16(b, s.CipherSuite)
	b = appendText(b, s.NegotiatedProtocol)
	return appendText(b, s.ServerName)
}

// fillTLS returns what a fill sees of the connection's TLS: what appendTLS
// appends, and nothing of the client or of its last connection.
func fillTLS(s *tls.ConnectionState) *tls.ConnectionState {
	if s == nil {
		return nil
	}
	return &tls.ConnectionState{
		HandshakeComplete: true, Version: s.Version, CipherSuite: s.CipherSuite,
		NegotiatedProtocol: s.NegotiatedProtocol, ServerName: s.ServerName,
	}
}

// fillRequest returns the request as a fill sees it: what is left of it is what
// the entry's place and identity determine, and fields that select by Vary alone.
func (g *get) fillRequest(ctx context.Context) *http.Request {
	r := g.r.WithContext(ctx)
	r.Method = http.MethodGet
	r.Host = strings.ToLower(g.r.Host)
	r.URL = canonicalURL(g.r.URL)
	if public := publicURL(g.r); public == g.r.URL {
		r.RequestURI = r.URL.RequestURI()
	} else {
		r.RequestURI = canonicalURL(public).RequestURI()
	}
	r.Header = make(http.Header, len(g.r.Header))
	for name, lines := range g.r.Header {
		switch class := g.fields.of(name); {
		case class == fieldEncoding:
			if form := g.encodings.String(); form != "" {
				r.Header[name] = []string{form}
			}
		case class.visible():
			r.Header[name] = slices.Clone(lines)
		}
	}
	r.TLS = fillTLS(g.r.TLS)
	if g.own == forCredentials {
		g.middleware.credentials(g.r.Header, func(name string, lines []string) { r.Header[name] = slices.Clone(lines) })
		g.showCertificates(r.TLS, g.r.TLS)
	}
	r.Body, r.GetBody = http.NoBody, nil
	r.RemoteAddr = ""
	r.Close = false
	r.TransferEncoding, r.Trailer = nil, nil
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
	r.Response = nil
	return r
}

// requestLayout is where http.Request keeps the values of its path, which its
// methods do not list: those of the pattern that a ServeMux matched, and those
// that SetPathValue added. Reading them by reflection is allowed, and depends on
// their names.
type requestLayout struct {
	pattern, matches, others int     // indexes of fields
	matchesAt, othersAt      uintptr // offsets of fields
	known                    bool    // all that http.Request holds is in knownRequestFields
}

// knownRequestFields are the fields of http.Request with which place and
// fillRequest deal. TestRequestInputs says what becomes of each.
var knownRequestFields = strings.Fields(`Method URL Proto ProtoMajor ProtoMinor Header Body GetBody ContentLength
	TransferEncoding Close Host Form PostForm MultipartForm Trailer RemoteAddr RequestURI TLS Cancel Response Pattern
	ctx pat matches otherValues`)

// newRequestLayout looks at the net/http of this build.
func newRequestLayout() (l requestLayout) {
	t := reflect.TypeFor[http.Request]()
	l.known = true
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case f.Name == "pat" && f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
			l.pattern = i
		case f.Name == "matches" && f.Type == reflect.TypeFor[[]string]():
			l.matches, l.matchesAt = i, f.Offset
		case f.Name == "otherValues" && f.Type == reflect.TypeFor[map[string]string]():
			l.others, l.othersAt = i, f.Offset
		case !slices.Contains(knownRequestFields, f.Name):
			l.known = false
		}
	}
	if l.pattern == 0 || l.matches == 0 || l.others == 0 {
		l.known = false
	} else if f, ok := t.Field(l.pattern).Type.Elem().FieldByName("str"); !ok || f.Type.Kind() != reflect.String {
		l.known = false
	}
	return l
}

// hasValues reports whether there are values of the path, or may be.
func (layout *requestLayout) hasValues(r *http.Request) bool {
	if !layout.known {
		return true
	}
	// Every hit comes here, and to ask reflect takes as long as all else about the
	// place: newRequestLayout has seen the types of these fields.
	at := unsafe.Pointer(r)
	return len(*(*[]string)(unsafe.Add(at, layout.matchesAt))) > 0 || len(*(*map[string]string)(unsafe.Add(at, layout.othersAt))) > 0
}

// appendValues appends the values of the path, and of what they are values. Where
// net/http keeps them elsewhere, fills count as asking who asks.
func (layout *requestLayout) appendValues(b []byte, r *http.Request) []byte {
	if !layout.known {
		return b
	}
	v := reflect.ValueOf(r).Elem()
	if matches := v.Field(layout.matches); matches.Len() == 0 {
		b = append(b, 0)
	} else if pattern := v.Field(layout.pattern); !pattern.IsNil() {
		b = appendText(append(b, 1), pattern.Elem().FieldByName("str").String())
		for i := range matches.Len() {
			b = appendText(b, matches.Index(i).String())
		}
	}
	others := v.Field(layout.others)
	b = binary.AppendUvarint(b, uint64(others.Len()))
	if others.Len() == 0 {
		return b
	}
	names := make([]string, 0, others.Len())
	for _, name := range others.MapKeys() {
		names = append(names, name.String())
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendText(appendText(b, name), others.MapIndex(reflect.ValueOf(name)).String())
	}
	return b
}
