package unstale_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// A fieldFate is what becomes of a request field.
type fieldFate string

const (
	fateSelects    fieldFate = "selects"
	fateVaries     fieldFate = "selects where Vary names it"
	fateHidden     fieldFate = "hidden"
	fateCredential fieldFate = "credential"
	fatePasses     fieldFate = "passes"
)

var fateOptions = unstale.HandlerOptions{
	Credentials: []string{"X-Tenant"}, SelectFields: []string{"X-Author", "referer", "X-Csrf-Token"},
	IgnoreFields: []string{"X-Device", "X-Acme-*", "x-august"},
}

// TestFields: what becomes of each field, under any spelling.
func TestFields(t *testing.T) {
	t.Parallel()
	for fate, names := range map[fieldFate]string{
		fateSelects: "Accept Origin Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site X-Anything X-Forwarded-Host X-Forwarded-Proto X-Original-Url " +
			"Cf-Ipcountry Dpr X-Requested-With Rsc X-Author Referer X-Csrf-Token X-Scheme Content-Type Sec-Ch-Ua-Arch Cf-Visitor A",
		fateVaries: "User-Agent Accept-Language Save-Data Sec-Ch-Ua Sec-Ch-Ua-Mobile Sec-Ch-Ua-Platform " +
			"Traceparent X-Request-Id Cf-Ray Via Dnt Priority X-Device X-Acme-One X-Acme- X-B3-Traceid X-Datadog-Origin X-August",
		fateHidden: "X-Forwarded-For Forwarded X-Real-Ip Cf-Connecting-Ip X-Envoy-External-Address Keep-Alive Te Trailer Proxy-Connection X-Xsrf-Token Expect",
		fateCredential: "Authorization Cookie Proxy-Authorization X-Tenant Private-Token Api-Key Apikey X-Vault-Token X-Auth-User X-Authenticated-User " +
			"X-Webauth-User X-User-Id X-Session-Token X-Authorization Ssl-Client-Cert X-Ssl-Client-Dn X-Client-Cert Dpop My-Secret Acme-Jwt Signature " +
			"X-Password X-Authority X-Amz-Security-Token X-Acme-Token",
		fatePasses: "X-Http-Method-Override X-Method-Override If-Match If-Unmodified-Since Upgrade",
	} {
		for name := range strings.FieldsSeq(names) {
			for _, spelling := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_")} {
				if got := fateOf(t, spelling); got != fate && !(fate == fatePasses && spelling != name && strings.HasPrefix(name, "If-")) {
					t.Errorf("%s: %s, want %s", spelling, got, fate)
				}
			}
		}
	}
}

// fateOf finds out what becomes of a field.
func fateOf(t *testing.T, name string) fieldFate {
	t.Helper()
	c, handler := newService(t, unstale.Options{}, fateOptions)
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		if strings.HasPrefix(r.URL.Path, "/vary") {
			w.Header().Set("Vary", strings.ReplaceAll(name, "_", "-"))
		}
		write(w, strings.Join(r.Header[name], "|"))
	}))
	ask := func(path, value string) reply {
		r := request(http.MethodGet, path)
		r.Header[name] = []string{value}
		return serve(h, r)
	}
	first, second := ask("/", "one"), ask("/", "two")
	switch {
	case strings.Contains(first.status, `detail="credentials"`):
		return fateCredential
	case strings.Contains(first.status, "fwd=bypass"):
		return fatePasses
	case first.body == "" && second.hit():
		return fateHidden
	case first.body == "one" && second.body == "two":
		if !ask("/", "one").hit() || !ask("/", "two").hit() {
			t.Errorf("%s selects, and nothing is found again", name)
		}
		return fateSelects
	}
	for range 2 {
		for _, value := range []string{"one", "two"} {
			if r := ask("/vary", value); r.body != value {
				t.Errorf("%s is in Vary, and %s is answered %q", name, value, r.body)
			}
		}
	}
	if !ask("/vary", "one").hit() {
		t.Errorf("%s is in Vary, and nothing is found again", name)
	}
	return fateVaries
}

// TestAcceptEncoding: spellings of one set are one, and a handler sees that set.
func TestAcceptEncoding(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		w.Header().Set("Vary", "Accept-Encoding")
		write(w, fmt.Sprintf("%q", r.Header["Accept-Encoding"]))
	}))
	for _, test := range []struct {
		want   string
		fields []string
	}{
		{`[]`, []string{"", "identity", "deflate", "*;q=0", "gzip;q=0", "gzip; q=0.000", "gzip;q=x", "gzip;q=2", "GZIP;Q=0", "br;q=0, identity"}},
		{`["gzip"]`, []string{"gzip", "GZip", "x-gzip", "gzip, deflate", "deflate;q=0.5,gzip ;\tq=0.1", ",gzip,,", "br;q=0, zstd;q=0, *"}},
		{`["br, gzip"]`, []string{"gzip, deflate, br", "br,gzip", "br;q=1.0, gzip;q=0.8, *;q=0"}},
		{`["br, gzip, zstd"]`, []string{"gzip, deflate, br, zstd", "*", "zstd;q=0.1, br, gzip", "*;q=0.5, gzip"}},
		{`["zstd"]`, []string{"zstd"}},
	} {
		get(h, "/", "Accept-Encoding: "+test.fields[0]).want(t, test.want, false)
		for _, field := range test.fields {
			get(h, "/", "Accept-Encoding: "+field).want(t, test.want, true)
		}
	}
	get(h, "/").want(t, "[]", true)
	get(h, "/", "Accept-Encoding: br", "Accept-Encoding: gzip").want(t, `["br, gzip"]`, true)
}

// TestConnectionFields: what a client says belongs to the connection reaches the
// handler as it came, and nobody else.
func TestConnectionFields(t *testing.T) {
	t.Parallel()
	for connection, passes := range map[string]bool{
		"keep-alive": false, "close": false, "Close, TE": false, "keep-alive, Keep-Alive, trailer": false, "": false, " , ": false,
		"Accept-Language": true, "close, x-custom": true, "x": true, "cookie": true,
	} {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) }))
		if r := get(h, "/", "Connection: "+connection); strings.Contains(r.status, "connection field") != passes {
			t.Errorf("Connection: %s: %s", connection, r.status)
		}
	}
}

// TestIgnoredCookies by name and by prefix.
func TestIgnoredCookies(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{IgnoreCookies: []string{"_ga", "_ga_*", "_hj*"}})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) }))
	get(h, "/").want(t, "", false)
	for cookies, ignored := range map[string]bool{
		"_ga=1": true, "_ga_ABC=1; _hjid=2": true, "_ga_=1": true, "_gat=1": false, "_g=1": false, "_ga=1; s=1": false, "x_ga_=1": false,
	} {
		if r := get(h, "/", "Cookie: "+cookies); r.hit() != ignored {
			t.Errorf("%s: %s", cookies, r.status)
		}
	}
}

// TestValuesOfFieldsStayInside: no value of a request field is in a key, in an
// explanation, in statistics or in a log.
func TestValuesOfFieldsStayInside(t *testing.T) {
	t.Parallel()
	for selectedBy, o := range map[string]unstale.HandlerOptions{
		"who asks": {Policies: sharedRoute, Identity: byToken}, "credentials": {ByCredentials: []string{"Authorization"}},
	} {
		t.Run(selectedBy, func(t *testing.T) { valuesStayInside(t, selectedBy, o) })
	}
}

func valuesStayInside(t *testing.T, selectedBy string, o unstale.HandlerOptions) {
	t.Helper()
	const secret = "hush-hush-hush"
	var book logbook
	store := new(spy)
	c, handler := newService(t, unstale.Options{Store: store, Logger: book.logger()}, o)
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		w.Header().Set("Vary", "User-Agent")
		unstale.Identity(r.Context())
	}))
	for i := range 100 {
		fields := []string{"Authorization: " + secret, "X-Unknown: " + secret + fmt.Sprint(i), "User-Agent: " + secret, "Accept: " + secret}
		get(h, "/", fields...)
	}
	for _, key := range store.keys() {
		if strings.Contains(key, secret) {
			t.Errorf("the key %q", key)
		}
	}
	list := c.Explain("http:GET example.com /")
	if said := fmt.Sprintf("%+v %+v %s", list, c.Stats(), book.String()); strings.Contains(said, secret) {
		t.Error(said)
	}
	if len(list) == 0 || !slices.Equal(list[0].SelectedBy, []string{"X-Unknown", "user-agent", selectedBy}) {
		t.Errorf("%+v", list)
	}
}

// TestFieldsThatKeepAnswersApart: a field with many values of which none comes
// twice lets its requests pass, is told of once, and disturbs nobody else.
func TestFieldsThatKeepAnswersApart(t *testing.T) {
	t.Parallel()
	var book logbook
	c := newCache(t, unstale.Options{Logger: book.logger()})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		write(w, r.Header.Get("X-Device"))
	}))
	for i := range 200 {
		get(h, "/", fmt.Sprint("X-Device: ", i)).want(t, fmt.Sprint(i), false)
	}
	if n := c.Stats().Store.Entries; n != 64 {
		t.Errorf("%d entries", n)
	}
	if n := book.count("IgnoreFields"); n != 1 || book.count("X-Device") == 0 {
		t.Errorf("told %d times: %s", n, book.String())
	}
	if n := c.Stats().Routes[""].Bypassed["field keeps answers apart"]; n != 136 {
		t.Errorf("%d passed", n)
	}
	get(h, "/").want(t, "", false)
	get(h, "/").want(t, "", true)
	get(h, "/", "X-Device: 3").want(t, "3", true) // what is stored is served
	// On another URI one device asks again, and so no one else passes there.
	for i := range 200 {
		get(h, "/other", fmt.Sprint("X-Device: ", i%50)).want(t, fmt.Sprint(i%50), i >= 50)
	}
	if n := c.Stats().Routes[""].Bypassed["field keeps answers apart"]; n != 136 {
		t.Errorf("%d passed", n)
	}
}
