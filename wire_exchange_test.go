package unstale_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A wireExchange is a request, and what happens before it.
type wireExchange struct {
	number     int  // what nonces are made of
	atOnce     int  // how many ask for the same at the same time, if that is more than one
	invalidate bool // before it, the state changes and tag "x" is invalidated
	handler    int  // that answers it
	client     wireClient
	method     string
	host, path string
	fields     []string // "Name: value", as they stand on the wire
	tag        string   // of If-None-Match: "", "seen", or as it is sent
	ifRange    string   // likewise
}

func (x *wireExchange) String() string {
	var b strings.Builder
	if x.invalidate {
		b.WriteString("the state changes\n")
	}
	if x.atOnce > 1 {
		fmt.Fprintf(&b, "%d at once, each with an X-Request-Id: ", x.atOnce)
	}
	fmt.Fprintf(&b, "exchange %d, handler %d, %s: %s %s, Host: %s", x.number, x.handler, x.client, x.method, x.path, x.host)
	for _, f := range x.fields {
		b.WriteString("; " + f)
	}
	if x.tag != "" {
		b.WriteString("; If-None-Match: " + x.tag)
	}
	if x.ifRange != "" {
		b.WriteString("; If-Range: " + x.ifRange)
	}
	return b.String()
}

// A wireClient says how a request reaches the service. The zero value does by
// HTTP/1.1 in clear text.
type wireClient struct {
	listener int    // two listen for each way
	version  string // "", "1.0" or "2"
	name     string // of the server, where TLS is spoken, else ""
	old      bool   // TLS 1.2
}

func (c wireClient) String() string {
	s := fmt.Sprintf("listener %d", c.listener)
	if c.version != "" {
		s += ", HTTP/" + c.version
	}
	if c.name != "" {
		s += ", TLS to " + c.name
	}
	if c.old {
		s += " (1.2)"
	}
	return s
}

// A wireRequest is an exchange as it is sent to both worlds.
type wireRequest struct {
	*wireExchange
	method string
	fields []string
	lane   int // a connection of its own
}

// lanes returns the requests that are sent at the same time. They differ in an
// id, by which no answer is selected, though frames outside may repeat it.
func (x *wireExchange) lanes(seen string) []wireRequest {
	if x.atOnce <= 1 {
		return []wireRequest{x.request(seen)}
	}
	list := make([]wireRequest, x.atOnce)
	for i := range list {
		list[i] = x.request(seen)
		list[i].lane = i
		list[i].fields = append(list[i].fields, fmt.Sprintf("X-Request-Id: request-at-once-%d", i))
	}
	return list
}

// request returns the request with the entity tag that the cache has shown. To
// the handler alone that is a foreign one, unless it is the handler's own.
func (x *wireExchange) request(seen string) wireRequest {
	fields := slices.Clone(x.fields)
	add := func(name, tag string) {
		if tag == "seen" {
			tag = seen
		}
		if tag != "" {
			fields = append(fields, name+": "+tag)
		}
	}
	add("If-None-Match", x.tag)
	add("If-Range", x.ifRange)
	return wireRequest{x, x.method, fields, 0}
}

// whole returns the GET for what a conditional, partial or HEAD request asks of,
// or false.
func (r wireRequest) whole() (wireRequest, bool) {
	if r.method != http.MethodGet && r.method != http.MethodHead {
		return r, false
	}
	asks := []string{"if-none-match", "if-modified-since", "if-range", "range"}
	fields := slices.DeleteFunc(slices.Clone(r.fields), func(f string) bool {
		name, _, _ := strings.Cut(strings.ToLower(f), ":")
		return slices.Contains(asks, name)
	})
	if len(fields) == len(r.fields) && r.method == http.MethodGet {
		return r, false
	}
	return wireRequest{r.wireExchange, http.MethodGet, fields, r.lane}, true
}

// carriesCredentials reports whether a field of the request says who asks.
func (r wireRequest) carriesCredentials() bool {
	return slices.ContainsFunc(r.fields, func(f string) bool {
		name, _, _ := strings.Cut(f, ": ")
		return wireClass(name) == fieldCredential
	})
}

// values returns what the request has in a field.
func (r wireRequest) values(name string) (values []string) {
	for _, f := range r.fields {
		if n, v, _ := strings.Cut(f, ": "); strings.EqualFold(n, name) {
			values = append(values, v)
		}
	}
	return values
}

// place names what entity tags are remembered by.
func (x *wireExchange) place() string {
	return fmt.Sprint(x.handler, " ", x.client, " ", x.host, x.path)
}
