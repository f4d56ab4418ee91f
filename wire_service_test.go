package unstale_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale"
)

// A wireCase is a service and what is asked of it. It is data, so that both
// worlds run the same, and a failing one can be run again with less.
type wireCase struct {
	frames    []wireFrame   // outermost first, around each handler
	handlers  []wireHandler // all on one cache
	exchanges []wireExchange
}

func (c *wireCase) String() string {
	var b strings.Builder
	for _, f := range c.frames {
		fmt.Fprintf(&b, "outside: %s\n", f)
	}
	for i, h := range c.handlers {
		fmt.Fprintf(&b, "handler %d:\n", i)
		for _, s := range h {
			fmt.Fprintf(&b, "\t%s\n", s)
		}
	}
	for i := range c.exchanges {
		fmt.Fprintf(&b, "%s\n", &c.exchanges[i])
	}
	return b.String()
}

// A wireHandler is what a handler does, step by step.
type wireHandler []wireStep

// A wireStep is one thing that a handler does. It is a function of the request
// and of the state, which changes together with an invalidation.
type wireStep struct {
	do    string // a key of wireSteps
	name  string // of a field of the answer
	value string
	input wireInput
	n     int // a status or a size
}

func (s wireStep) String() string {
	var b strings.Builder
	b.WriteString(s.do)
	for _, part := range []string{s.name, s.value, string(s.input)} {
		if part != "" {
			fmt.Fprintf(&b, " %q", part)
		}
	}
	if s.n != 0 {
		fmt.Fprintf(&b, " %d", s.n)
	}
	return b.String()
}

// A wireRun is a step that runs.
type wireRun struct {
	wireStep
	w http.ResponseWriter
	r *http.Request
	m *wireMoment
}

// wireSteps are the steps by name. One that returns false is the last.
var wireSteps = map[string]func(s wireRun) bool{
	"depend": func(s wireRun) bool { unstale.DependOn(s.r.Context(), "x"); return true },

	"set":         func(s wireRun) bool { s.w.Header().Set(s.name, s.value); return true },
	"add":         func(s wireRun) bool { s.w.Header().Add(s.name, s.value); return true },
	"delete":      func(s wireRun) bool { s.w.Header().Del(s.name); return true },
	"lower case":  func(s wireRun) bool { s.w.Header()[strings.ToLower(s.name)] = []string{s.value}; return true },
	"without any": func(s wireRun) bool { s.w.Header()[s.name] = nil; return true },
	"repeat in a field": func(s wireRun) bool {
		s.w.Header().Set("X-Seen", strings.Join(s.w.Header()[s.name], "|"))
		return true
	},
	"repeat in the body": func(s wireRun) bool {
		fmt.Fprintf(s.w, "[%s: %s]", s.name, strings.Join(s.w.Header()[s.name], "|"))
		return true
	},
	"echo in a field": func(s wireRun) bool {
		s.vary()
		s.w.Header().Set("X-Echo", s.input.read(s.r, s.m))
		return true
	},
	"echo in the body": func(s wireRun) bool {
		s.vary()
		fmt.Fprintf(s.w, "[%s: %s]", s.input, s.input.read(s.r, s.m))
		return true
	},
	"echo or refuse": func(s wireRun) bool {
		s.vary()
		if v := s.input.read(s.r, s.m); v != "" {
			http.Error(s.w, "not "+v, s.n)
			return false
		}
		return true
	},

	"write": func(s wireRun) bool { io.WriteString(s.w, s.text()); return true },
	"write with its length": func(s wireRun) bool {
		s.w.Header().Set("Content-Length", fmt.Sprint(len(s.text())))
		io.WriteString(s.w, s.text())
		return true
	},
	"declare a length": func(s wireRun) bool { s.w.Header().Set("Content-Length", fmt.Sprint(s.n)); return true },
	"write the state":  func(s wireRun) bool { fmt.Fprintf(s.w, "[state: %d]", s.m.state.Load()); return true },
	"status":           func(s wireRun) bool { s.w.WriteHeader(s.n); return true },
	"redirect":         func(s wireRun) bool { http.Redirect(s.w, s.r, s.value, s.n); return false },
	"error":            func(s wireRun) bool { http.Error(s.w, "broken", s.n); return false },
	"content": func(s wireRun) bool {
		var modified time.Time
		if s.n > 0 {
			modified = time.Unix(1e9, 0)
		}
		http.ServeContent(s.w, s.r, s.value, modified, strings.NewReader("0123456789abcdefghij"))
		return false
	},
	"for HEAD alone": func(s wireRun) bool {
		if s.r.Method == http.MethodGet {
			http.Error(s.w, "no GET here", http.StatusMethodNotAllowed)
			return false
		}
		return true
	},

	"flush": func(s wireRun) bool { _ = http.NewResponseController(s.w).Flush(); return true },
	"hint": func(s wireRun) bool {
		s.w.Header().Add("Link", s.value)
		s.w.WriteHeader(http.StatusEarlyHints)
		return true
	},
	"set late": func(s wireRun) bool {
		s.w.WriteHeader(http.StatusOK)
		s.w.Header().Set(s.name, s.value)
		return true
	},
	"announce a trailer": func(s wireRun) bool { s.w.Header().Add("Trailer", "X-Sum"); return true },
	"set the trailer":    func(s wireRun) bool { s.w.Header().Set("X-Sum", s.value); return true },
	"set a trailer":      func(s wireRun) bool { s.w.Header().Set(http.TrailerPrefix+"X-Sum", s.value); return true },
	"abort":              func(wireRun) bool { panic(http.ErrAbortHandler) },
}

// vary says that the answer varies by the input, where consistency.md asks for
// it: of fields that do not select by themselves.
func (s wireRun) vary() {
	if name := s.input.mustVary(); name != "" {
		s.w.Header().Add("Vary", name)
	}
}

// text is what "write" writes: n bytes that begin with value.
func (s wireRun) text() string {
	return s.value + strings.Repeat(".", max(0, s.n-len(s.value)))
}

func (h wireHandler) serve(w http.ResponseWriter, r *http.Request, m *wireMoment) {
	for _, s := range h {
		if !wireSteps[s.do](wireRun{s, w, r, m}) {
			return
		}
	}
}

// inputs are what the handlers answer by.
func (c *wireCase) inputs() (list []wireInput) {
	for _, h := range c.handlers {
		for _, s := range h {
			if s.input != "" {
				list = append(list, s.input)
			}
		}
	}
	return list
}

// has reports whether any step does one of these things.
func (h wireHandler) has(do ...string) bool {
	return slices.ContainsFunc(h, func(s wireStep) bool { return slices.Contains(do, s.do) })
}

// A wireInput names what a handler may answer by: "field X", "forwarded X",
// which is what a proxy inside passes on of it, or a key of wireInputs.
type wireInput string

// wireInputs are the inputs that are no fields. Those that select say nothing
// in an answer; consistency.md has the others under "What a handler sees in a
// fill": the method, the raw query, the client's address and the like are not
// among them.
var wireInputs = map[wireInput]func(*http.Request, *wireMoment) string{
	"path":  func(r *http.Request, _ *wireMoment) string { return r.URL.Path },
	"query": func(r *http.Request, _ *wireMoment) string { return r.URL.Query().Encode() },
	"host":  func(r *http.Request, _ *wireMoment) string { return strings.ToLower(r.Host) },
	"proto": func(r *http.Request, _ *wireMoment) string { return r.Proto },
	"tls":   func(r *http.Request, _ *wireMoment) string { return fmt.Sprint(r.TLS != nil) },
	"server name": func(r *http.Request, _ *wireMoment) string {
		return ofTLS(r, func(s *tls.ConnectionState) string { return s.ServerName })
	},
	"negotiated protocol": func(r *http.Request, _ *wireMoment) string {
		return ofTLS(r, func(s *tls.ConnectionState) string { return s.NegotiatedProtocol })
	},
	"tls version": func(r *http.Request, _ *wireMoment) string {
		return ofTLS(r, func(s *tls.ConnectionState) string { return tls.VersionName(s.Version) })
	},
	"pattern":           func(r *http.Request, _ *wireMoment) string { return r.Pattern },
	"path value one":    func(r *http.Request, _ *wireMoment) string { return r.PathValue("one") },
	"path value tenant": func(r *http.Request, _ *wireMoment) string { return r.PathValue("tenant") },
	"local address": func(r *http.Request, m *wireMoment) string {
		a, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		return m.places[fmt.Sprint(a)]
	},
	"server": func(r *http.Request, m *wireMoment) string {
		s, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
		return m.places[fmt.Sprintf("%p", s)]
	},
	"context value": func(r *http.Request, _ *wireMoment) string { return fmt.Sprint(r.Context().Value(wireContextKey{})) },
	// A fill sees the field in its normal form, a request that passes as it came.
	"encodings": func(r *http.Request, _ *wireMoment) string { return strings.Join(wireEncodings(r.Header), ",") },
}

type wireContextKey struct{}

func ofTLS(r *http.Request, f func(*tls.ConnectionState) string) string {
	if r.TLS == nil {
		return "none"
	}
	return f(r.TLS)
}

func (i wireInput) read(r *http.Request, m *wireMoment) string {
	name, proxied, ok := i.field()
	if !ok {
		return wireInputs[i](r, m)
	}
	if proxied { // RFC 9110 §7.6.1: what Connection lists goes no further
		for _, line := range r.Header["Connection"] {
			for option := range strings.SplitSeq(line, ",") {
				if strings.EqualFold(strings.TrimSpace(option), name) {
					return ""
				}
			}
		}
	}
	return strings.Join(r.Header[http.CanonicalHeaderKey(name)], "|")
}

// field returns the name of a field, as it is sent.
func (i wireInput) field() (name string, proxied, ok bool) {
	if name, proxied = strings.CutPrefix(string(i), "forwarded "); proxied {
		return name, true, true
	}
	name, ok = strings.CutPrefix(string(i), "field ")
	return name, false, ok
}

// mustVary returns the field that an answer by this input has to name in Vary,
// or "". Who reads a name with "_" names the field that he takes it for.
func (i wireInput) mustVary() string {
	if name, _, ok := i.field(); ok {
		if class := wireClass(name); class == fieldNeutral || class == fieldByVary {
			return strings.ReplaceAll(name, "_", "-")
		}
	}
	return ""
}

// withValue is context.WithValue for the frame that puts something there.
func withValue(r *http.Request, v string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), wireContextKey{}, v))
}
