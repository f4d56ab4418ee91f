package unstale_test

import (
	"crypto/tls"
	"crypto/x509"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// An inputFate is what becomes of something that a request has, in a fill.
type inputFate string

const (
	inThePlace inputFate = "in the place" // it selects: another value is another entry
	hidden     inputFate = "hidden"       // a fill sees the zero value
	oneValue   inputFate = "one value"    // a fill sees one and the same, whatever the request had
	observed   inputFate = "observed"     // whoever looks is noticed
)

// requestInputs says of everything that a handler can see of a request what
// becomes of it. The test fails when net/http or crypto/tls grows a field, so
// that somebody says it of that, too.
var requestInputs = map[reflect.Type]map[string]inputFate{
	reflect.TypeFor[http.Request](): {
		"Method":           oneValue, // GET; HEAD without a stored GET passes
		"URL":              inThePlace,
		"Proto":            inThePlace,
		"ProtoMajor":       inThePlace,
		"ProtoMinor":       inThePlace,
		"Header":           inThePlace, // by the classes of wireFields
		"Body":             oneValue,   // empty; a request with one passes
		"GetBody":          hidden,     // of clients
		"ContentLength":    oneValue,   // 0; a request with a body passes
		"TransferEncoding": hidden,     // likewise
		"Close":            hidden,     // of one connection
		"Host":             inThePlace,
		"Form":             hidden, // a handler parses it anew from the canonical URL
		"PostForm":         hidden,
		"MultipartForm":    hidden,
		"Trailer":          hidden, // follows a body
		"RemoteAddr":       hidden, // says who asks
		"RequestURI":       inThePlace,
		"TLS":              inThePlace, // by the table below
		"Cancel":           hidden,     // of clients
		"Response":         hidden,     // of clients
		"Pattern":          inThePlace,
		"ctx":              observed, // the listener and the server select where somebody looks; other values count as asking
		"pat":              inThePlace,
		"matches":          inThePlace,
		"otherValues":      inThePlace,
	},
	reflect.TypeFor[url.URL](): {
		"Scheme":      inThePlace,
		"Opaque":      inThePlace,
		"User":        hidden, // says who asks
		"Host":        inThePlace,
		"Path":        inThePlace,
		"RawPath":     inThePlace, // as far as Path does not say it
		"RawQuery":    inThePlace,
		"Fragment":    hidden, // no client sends one
		"RawFragment": hidden,
		"ForceQuery":  hidden, // two spellings of one URL
		"OmitHost":    hidden, // likewise
	},
	reflect.TypeFor[tls.ConnectionState](): {
		"Version":                           inThePlace,
		"HandshakeComplete":                 oneValue, // true
		"DidResume":                         hidden,   // how the connection came about, not what is asked
		"CipherSuite":                       inThePlace,
		"CurveID":                           hidden,
		"NegotiatedProtocol":                inThePlace,
		"NegotiatedProtocolIsMutual":        oneValue, // true
		"ServerName":                        inThePlace,
		"PeerCertificates":                  hidden, // say who asks
		"VerifiedChains":                    hidden,
		"SignedCertificateTimestamps":       hidden,
		"OCSPResponse":                      hidden,
		"TLSUnique":                         hidden, // names the connection
		"ECHAccepted":                       hidden,
		"HelloRetryRequest":                 hidden,
		"ekm":                               hidden, // makes secrets of the connection
		"testingOnlyPeerSignatureAlgorithm": hidden,
	},
}

func TestRequestInputs(t *testing.T) {
	for kind, fates := range requestInputs {
		for i := range kind.NumField() {
			if name := kind.Field(i).Name; fates[name] == "" {
				t.Errorf("%s.%s is new: say in requestInputs what becomes of it in a fill, and see to it", kind, name)
			}
		}
		for name := range fates {
			if _, ok := kind.FieldByName(name); !ok {
				t.Errorf("%s.%s is gone", kind, name)
			}
		}
	}
}

// TestHiddenInputs looks at what a fill sees of a request that has everything.
func TestHiddenInputs(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://user@a.example/path?b=1", strings.NewReader(""))
	r.Close, r.RemoteAddr = true, "192.0.2.1:1234"
	r.Form, r.PostForm, r.MultipartForm = url.Values{"a": {"b"}}, url.Values{"a": {"b"}}, new(multipart.Form)
	r.Trailer, r.Response = http.Header{}, new(http.Response)
	r.URL.Fragment, r.URL.RawFragment, r.URL.ForceQuery, r.URL.OmitHost = "f", "f", true, true
	r.TLS = &tls.ConnectionState{
		Version: tls.VersionTLS13, HandshakeComplete: true, DidResume: true, CipherSuite: 1, CurveID: tls.X25519,
		NegotiatedProtocol: "h2", ServerName: "a.example",
		PeerCertificates: []*x509.Certificate{{}}, VerifiedChains: [][]*x509.Certificate{{}},
		SignedCertificateTimestamps: [][]byte{{1}}, OCSPResponse: []byte{1}, TLSUnique: []byte{1},
		ECHAccepted: true, HelloRetryRequest: true,
	}
	_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(*http.Request) (string, error) { return "", nil }})
	var filled *http.Request
	h := handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		filled = r
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if status := w.Header().Get("Cache-Status"); !strings.Contains(status, "stored") {
		t.Fatalf("Cache-Status %q, want stored: the request passed", status)
	}
	for _, part := range []reflect.Value{
		reflect.ValueOf(filled).Elem(), reflect.ValueOf(filled.URL).Elem(), reflect.ValueOf(filled.TLS).Elem(),
	} {
		for name, fate := range requestInputs[part.Type()] {
			if value := part.FieldByName(name); fate == hidden && !value.IsZero() {
				t.Errorf("%s.%s reaches a fill: %v", part.Type(), name, value)
			}
		}
	}
	if filled.Method != http.MethodGet || filled.Body != http.NoBody || filled.ContentLength != 0 {
		t.Errorf("a fill is asked for %s with a body of %d", filled.Method, filled.ContentLength)
	}
}
