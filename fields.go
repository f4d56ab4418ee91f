package unstale

import (
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/unstale/unstale/internal/rfc9111"
)

// A fieldClass is what a request field means to the cache. A field that nobody
// knows selects: the zero class.
type fieldClass uint8

const (
	fieldSelects    fieldClass = iota // in the place of an entry, whatever its value
	fieldAccept                       // selects, too: fields with few values, which need no sorting
	fieldOrigin                       //
	fieldFetchDest                    //
	fieldFetchMode                    //
	fieldFetchSite                    //
	fieldEncoding                     // selects in a normal form, which a fill sees
	fieldVaries                       // selects where an answer's Vary names it: what differs among visitors
	fieldNeutral                      // likewise; no answer depends on it: ids of tracers, proxies and CDNs
	fieldHidden                       // a fill does not see it
	fieldSounds                       // nor this, whose name sounds like a credential's
	fieldCredential                   // nor this, which says who asks
	fieldCookie                       // a credential, unless all its cookies are to be ignored
	fieldOverride                     // asks for another method
	fieldUpgrade                      // asks for another protocol
	fieldConnection                   // lists fields that belong to one connection
	fieldOwn                          // the cache's own business: conditions, ranges, directives
)

// knownFields are the request fields with a meaning, by class. docs/consistency.md
// says what each class means to a handler.
var knownFields = map[fieldClass][]string{
	fieldAccept:    {"Accept"},
	fieldOrigin:    {"Origin"},
	fieldFetchDest: {"Sec-Fetch-Dest"},
	fieldFetchMode: {"Sec-Fetch-Mode"},
	fieldFetchSite: {"Sec-Fetch-Site"},
	fieldEncoding:  {"Accept-Encoding"},
	fieldVaries: {
		"Accept-Language", "Referer", "Save-Data", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "User-Agent",
	},
	fieldNeutral: {
		// Read by tracers, within a fill, too.
		"B3", "Baggage", "Elastic-Apm-Traceparent", "Grpc-Trace-Bin", "Newrelic", "Sentry-Trace", "Singularityheader",
		"Traceparent", "Tracestate", "Uber-Trace-Id", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "X-Dynatrace", "X-Ot-Span-Context",
		// Ids and clocks of proxies.
		"Correlation-Context", "Correlation-Id", "Request-Context", "Request-Id", "X-Correlation-Id", "X-Queue-Start",
		"X-Request-Id", "X-Request-Start", "X-Start-Time", "X-Timer", "X-Trace-Id",
		// Of CDNs, balancers and meshes.
		"Cdn-Loop", "Cf-Ray", "Connect-Time", "Fly-Request-Id", "Max-Forwards", "Rndr-Id", "Total-Route-Time", "Via",
		"X-Amz-Cf-Id", "X-Appengine-Request-Log-Id", "X-Appgw-Trace-Id", "X-Arr-Log-Id", "X-Azure-Ref", "X-Envoy-Attempt-Count",
		"X-Envoy-Expected-Rq-Timeout-Ms", "X-Nf-Request-Id", "X-Railway-Request-Id", "X-Varnish", "X-Vercel-Id",
		// Hints that no answer goes by.
		"Accept-Charset", "Content-Length", "Date", "Dnt", "Early-Data", "From", "Host", "Priority", "Purpose", "Sec-Fetch-User",
		"Sec-Gpc", "Sec-Purpose", "Upgrade-Insecure-Requests", "X-Moz",
	},
	fieldHidden: {
		// Of one connection (RFC 9110 §7.6.1).
		"Expect", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
		// The client's address, as RemoteAddr.
		"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Client-Ip", "Cloudfront-Viewer-Address", "Fastly-Client-Ip",
		"Fly-Client-Ip", "Forwarded", "True-Client-Ip", "X-Appengine-User-Ip", "X-Azure-Clientip", "X-Azure-Socketip", "X-Client-Ip",
		"X-Cluster-Client-Ip", "X-Envoy-External-Address", "X-Forwarded-For", "X-Nf-Client-Connection-Ip", "X-Original-Forwarded-For",
		"X-Real-Ip", "X-Vercel-Forwarded-For",
		// Whoever reads one of these checks it against a credential.
		"X-Csrf-Token", "X-Csrftoken", "X-Xsrf-Token",
	},
	fieldCookie: {"Cookie"},
	fieldCredential: {
		"Authorization", "Proxy-Authorization", "Api-Key", "Apikey", "Dpop", "Private-Token", "X-Access-Token", "X-Api-Key",
		"X-Apikey", "X-Arr-Clientcert", "X-Auth-Token", "X-Client-Cert", "X-Client-Data", "X-Vault-Token", "Sec-Browsing-Topics",
		"Ssl-Client-Cert",
		// Whom proxies have authenticated.
		"Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User", "X-Remote-User", "X-User", "X-User-Email", "X-User-Id",
		"X-Forwarded-Access-Token", "X-Forwarded-Client-Cert", "X-Forwarded-Email", "X-Forwarded-Groups",
		"X-Forwarded-Preferred-Username", "X-Forwarded-User", "Cf-Access-Authenticated-User-Email", "Cf-Access-Jwt-Assertion",
		"Tailscale-User-Login", "Tailscale-User-Name", "X-Amzn-Oidc-Accesstoken", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity",
		"X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id", "X-Goog-Iap-Jwt-Assertion", "X-Ms-Client-Principal",
		"X-Ms-Client-Principal-Id", "X-Ms-Client-Principal-Name",
	},
	fieldOverride:   {"X-Http-Method", "X-Http-Method-Override", "X-Method-Override"},
	fieldUpgrade:    {"Upgrade"},
	fieldConnection: {"Connection"},
	fieldOwn: {
		"Cache-Control", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Pragma", "Range",
	},
}

// knownPrefixes are families of fields.
var knownPrefixes = map[string]fieldClass{
	"X-Amzn-Mtls-Clientcert": fieldCredential,
	"X-Auth-":                fieldCredential,
	"X-Authenticated-":       fieldCredential,
	"X-Ssl-Client-":          fieldCredential,
	"X-Webauth-":             fieldCredential,
	"X-B3-":                  fieldNeutral,
	"X-Datadog-":             fieldNeutral,
	"X-Envoy-Peer-Metadata":  fieldNeutral,
	"X-Instana-":             fieldNeutral,
	"X-Newrelic-":            fieldNeutral,
}

// credentialWords make a field a credential that nobody has named.
var credentialWords = [...]string{"auth", "cert", "jwt", "password", "secret", "session", "signature", "token"}

// Bounds of the names that are not in a table and are remembered.
const (
	maxFieldNames     = 2048
	maxFieldNameBytes = 64
)

// fieldClasses tells the class of each request field, where these options hold.
type fieldClasses struct {
	exact    map[string]fieldClass
	prefixes map[string]fieldClass
	cookies  ignoredCookies
	frequent [frequentFields]fieldClass

	mu       sync.RWMutex
	computed map[string]fieldClass // of names that are not in exact
}

func newFieldClasses(o *HandlerOptions) *fieldClasses {
	f := &fieldClasses{
		exact: make(map[string]fieldClass), prefixes: make(map[string]fieldClass),
		computed: make(map[string]fieldClass), cookies: newIgnoredCookies(o.IgnoreCookies),
	}
	for class, names := range knownFields {
		for _, name := range names {
			f.exact[name] = class
		}
	}
	for prefix, class := range knownPrefixes {
		f.prefixes[prefix] = class
	}
	for _, name := range o.IgnoreFields {
		if prefix, ok := strings.CutSuffix(dashed(name), "*"); ok {
			f.prefixes[prefix] = fieldNeutral
		} else {
			f.exact[prefix] = fieldNeutral
		}
	}
	for _, name := range o.Credentials {
		if name = dashed(name); f.exact[name] != fieldCookie {
			f.exact[name] = fieldCredential
		}
	}
	for _, name := range o.ByCredentials {
		if name = dashed(name); f.of(name) <= fieldHidden { // else it is one, or only a cookie is meant
			f.exact[name] = fieldCredential
		}
	}
	for _, name := range o.SelectFields {
		name = dashed(name)
		if class := f.of(name); !class.selects() { // those that do keep their form
			f.exact[name] = fieldSelects
		}
	}
	clear(f.computed)
	for name := range f.exact {
		if i := frequent(name); i != 0 {
			f.frequent[i] = f.exact[name]
		}
	}
	return f
}

// selects reports whether a field of the class is in every place.
func (c fieldClass) selects() bool { return c <= fieldEncoding }

// visible reports whether a fill sees a field of the class.
func (c fieldClass) visible() bool { return c <= fieldNeutral }

// frequentFields are those that browsers send with every request, and one that
// stands for all others.
const frequentFields = 17

// frequent numbers the frequent fields from 1, so that no table need be asked for
// them; 0 is any other one.
func frequent(name string) int {
	switch name {
	case "Accept":
		return 1
	case "Accept-Encoding":
		return 2
	case "Accept-Language":
		return 3
	case "Connection":
		return 4
	case "Cookie":
		return 5
	case "Priority":
		return 6
	case "Referer":
		return 7
	case "Sec-Ch-Ua":
		return 8
	case "Sec-Ch-Ua-Mobile":
		return 9
	case "Sec-Ch-Ua-Platform":
		return 10
	case "Sec-Fetch-Dest":
		return 11
	case "Sec-Fetch-Mode":
		return 12
	case "Sec-Fetch-Site":
		return 13
	case "Sec-Fetch-User":
		return 14
	case "Upgrade-Insecure-Requests":
		return 15
	case "User-Agent":
		return 16
	}
	return 0
}

// of returns the class of a field. What programs that follow RFC 3875 (CGI) read
// in place of a name is one with it: "_" counts as "-".
func (f *fieldClasses) of(name string) fieldClass {
	if i := frequent(name); i != 0 && f.frequent[i] != 0 {
		return f.frequent[i]
	}
	if class, ok := f.exact[name]; ok {
		return class
	}
	if len(name) > maxFieldNameBytes {
		return f.compute(name)
	}
	f.mu.RLock()
	class, ok := f.computed[name]
	f.mu.RUnlock()
	if !ok {
		class = f.compute(name)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.computed) >= maxFieldNames {
			clear(f.computed)
		}
		f.computed[strings.Clone(name)] = class
	}
	return class
}

// plain reports whether a name is known as it is spelled.
func (f *fieldClasses) plain(name string) bool {
	if frequent(name) != 0 {
		return true
	}
	_, ok := f.exact[name]
	return ok
}

func (f *fieldClasses) compute(name string) fieldClass {
	twin := dashed(name)
	if class, ok := f.exact[twin]; ok {
		if name != twin && class >= fieldAccept && class <= fieldEncoding {
			return fieldSelects // as a field of its own
		}
		return class
	}
	ignored := false
	for prefix, class := range f.prefixes {
		switch {
		case !strings.HasPrefix(twin, prefix):
		case class == fieldCredential:
			return fieldCredential
		default:
			ignored = true
		}
	}
	if saysWho(twin) {
		return fieldSounds
	}
	if ignored {
		return fieldNeutral
	}
	return fieldSelects
}

// saysWho reports whether a name sounds like a credential's.
func saysWho(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(credentialWords[:], func(word string) bool { return strings.Contains(name, word) })
}

// dashed returns the canonical name for which a name with "_" counts.
func dashed(name string) string {
	return http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// requestFields is what the fields of a request mean.
type requestFields struct {
	credentials bool   // they say who asks
	sounds      string // one that only sounds as if it did, or ""
	override    bool   // they ask for another method
	upgrade     bool   // they ask for another protocol
	listed      bool   // Connection lists a field that belongs to the whole way
	respelled   bool   // a name may be another spelling of one that Vary means

	encodings encodings
	few       [fieldEncoding][]string // the lines of those with few values, by class
	unknown   []string                // other fields that select, sorted
}

// read looks at each field once.
func (f *fieldClasses) read(h http.Header) (r requestFields) {
	for name, lines := range h {
		switch class := f.of(name); class {
		case fieldSelects:
			r.unknown = append(r.unknown, name)
		case fieldAccept, fieldOrigin, fieldFetchDest, fieldFetchMode, fieldFetchSite:
			r.few[class] = lines
		case fieldEncoding:
			r.encodings = readEncodings(lines)
		case fieldCookie:
			r.credentials = r.credentials || f.cookies.carried(lines)
		case fieldSounds:
			r.credentials, r.sounds = true, name
		case fieldCredential:
			r.credentials = true
		case fieldOverride:
			r.override = r.override || len(lines) > 0
		case fieldUpgrade:
			r.upgrade = r.upgrade || len(lines) > 0
		case fieldConnection:
			r.listed = r.listed || f.listsOthers(lines)
		case fieldVaries, fieldNeutral:
			r.respelled = r.respelled || !f.plain(name)
		}
	}
	slices.Sort(r.unknown)
	return r
}

// listsOthers reports whether Connection lists a field that a recipient would
// not take for one of the connection: it is there for the handler, and is not
// there for proxies behind it, so that no answer can be told to go by it.
func (f *fieldClasses) listsOthers(lines []string) bool {
	if len(lines) == 1 && (lines[0] == "keep-alive" || lines[0] == "close") {
		return false
	}
	return slices.ContainsFunc(rfc9111.ConnectionOptions(lines), func(name string) bool {
		switch name {
		case "Close", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings", "Proxy-Connection":
			return false
		}
		return true
	})
}

// appendTo appends what selects, values included.
func (r *requestFields) appendTo(b []byte, h http.Header) []byte {
	b = append(b, byte(r.encodings&encodesAll))
	for _, lines := range r.few[fieldAccept:] {
		b = appendLines(b, lines)
	}
	b = binary.AppendUvarint(b, uint64(len(r.unknown)))
	for _, name := range r.unknown {
		b = appendLines(appendText(b, name), h[name])
	}
	return b
}
