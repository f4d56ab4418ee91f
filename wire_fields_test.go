package unstale_test

import (
	"net/http"
	"slices"
	"strings"
)

// A wireFieldClass is what becomes of a request field.
type wireFieldClass int

const (
	fieldSelecting  wireFieldClass = iota // seen, and part of what selects: every field that nobody knows
	fieldByVary                           // seen, selects where Vary names it
	fieldNeutral                          // the same, of fields that differ in each request
	fieldCredential                       // the request passes
	fieldHidden                           // no fill sees it, so no handler here answers by it
	fieldPassing                          // the request passes for another reason; nobody answers by it
)

// wireFields are the request fields that are sent, with a few values each.
// Those that an outer frame repeats have eight bytes or more: what is shorter
// is not looked for in answers.
var wireFields = []struct {
	name   string
	class  wireFieldClass
	values []string
}{
	{"X-Theme", fieldSelecting, []string{"dark-and-quiet", "light-and-loud"}},
	{"x-THEME", fieldSelecting, []string{"dark-and-quiet", "odd-case-theme"}},
	{"X_Theme", fieldSelecting, []string{"dark_with_underscore", "light_with_underscore"}},
	{"X-Nonce-In", fieldSelecting, []string{"nonce-in-1111", "nonce-in-2222"}},
	{"Accept", fieldSelecting, []string{"text/html", "application/json"}},
	{"Origin", fieldSelecting, []string{"https://a.example", "https://b.example"}},
	{"Sec-Fetch-Site", fieldSelecting, []string{"same-origin", "cross-site"}},
	{"Sec-Fetch-Mode", fieldSelecting, []string{"navigate", "cors"}},
	{"Sec-Fetch-Dest", fieldSelecting, []string{"document", "empty"}},
	{"X-Forwarded-Host", fieldSelecting, []string{"c.example", "d.example"}},
	{"X_Forwarded_Host", fieldSelecting, []string{"e.example"}},
	{"X-Original-Path", fieldSelecting, []string{"/elsewhere"}},
	{"X-Requested-With", fieldSelecting, []string{"XMLHttpRequest"}},
	{"Cf-Ipcountry", fieldSelecting, []string{"CH", "DE"}},
	{"Hx-Request", fieldSelecting, []string{"true"}},

	{"User-Agent", fieldByVary, []string{"curl/8.9.1", "Mozilla/5.0 (X11)"}},
	{"Accept-Language", fieldByVary, []string{"de-CH,de;q=0.9", "en-GB,en;q=0.8"}},
	{"Accept_Language", fieldByVary, []string{"de_CH_and_de", "en_GB_and_en"}},
	{"Referer", fieldByVary, []string{"https://a.example/from", "https://b.example/"}},
	{"Sec-Ch-Ua", fieldByVary, []string{`"Chromium";v="156"`}},
	{"Sec-Ch-Ua-Mobile", fieldByVary, []string{"?0", "?1"}},
	{"Sec-Ch-Ua-Platform", fieldByVary, []string{`"Linux"`, `"macOS"`}},
	{"Save-Data", fieldByVary, []string{"on"}},

	{"Traceparent", fieldNeutral, []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
	{"X-Request-Id", fieldNeutral, []string{"request-0001", "request-0002", "request-0003"}},
	{"X-B3-Traceid", fieldNeutral, []string{"463ac35c9f6413ad"}},
	{"Cf-Ray", fieldNeutral, []string{"230b030023ae2822-SJC", "230b030023ae2823-ZRH"}},
	{"Dnt", fieldNeutral, []string{"1"}},
	{"Via", fieldNeutral, []string{"1.1 a.example", "1.1 b.example"}},

	{"Authorization", fieldCredential, []string{"Basic YTpi", "Bearer alice"}},
	{"Cookie", fieldCredential, []string{"sid=1", "sid=2"}},
	{"X-Api-Key", fieldCredential, []string{"key-of-alice", "key-of-bob"}},
	{"X_Api_Key", fieldCredential, []string{"key_of_alice", "key_of_bob"}},
	{"Private-Token", fieldCredential, []string{"token-of-alice", "token-of-bob"}},
	{"X-Session", fieldCredential, []string{"session-of-alice"}},
	{"X-Acme-Token", fieldCredential, []string{"acme-token-of-alice"}},
	{"X-Auth-User", fieldCredential, []string{"alice", "bob"}},
	{"X-My-Secret", fieldCredential, []string{"secret-of-alice"}},
	{"Acme-Jwt", fieldCredential, []string{"jwt-of-alice"}},
	{"X-Client-Cert", fieldCredential, []string{"cert-of-alice"}},
	{"Signature", fieldCredential, []string{"signature-of-alice"}},
	{"X-User-Password", fieldCredential, []string{"password-of-alice"}},

	{"X-Forwarded-For", fieldHidden, []string{"192.0.2.1", "192.0.2.2"}},
	{"Cf-Connecting-Ip", fieldHidden, []string{"192.0.2.3"}},
	{"Keep-Alive", fieldHidden, []string{"timeout=5"}},
	{"Te", fieldHidden, []string{"trailers"}},
	{"Proxy-Connection", fieldHidden, []string{"keep-alive"}},
	{"X-Csrf-Token", fieldHidden, []string{"csrf-of-alice"}},
	{"X-Xsrf-Token", fieldHidden, []string{"csrf-of-bob"}},

	{"Connection", fieldPassing, []string{"X-Theme", "Accept-Language", "keep-alive, Origin"}},
	{"Cache-Control", fieldPassing, []string{"no-cache", "max-age=0", "no-store", "max-age=60"}},
	{"Pragma", fieldPassing, []string{"no-cache"}},
	{"X-Http-Method-Override", fieldPassing, []string{"DELETE"}},
	{"X_Http_Method_Override", fieldPassing, []string{"DELETE"}},
	{"If-Match", fieldPassing, []string{`"foreign"`, "*"}},
	{"If-Unmodified-Since", fieldPassing, []string{"Sat, 09 Sep 2000 01:46:40 GMT", "Mon, 09 Sep 2002 01:46:40 GMT"}},
}

func wireClass(name string) wireFieldClass {
	for _, f := range wireFields {
		if f.name == name {
			return f.class
		}
	}
	return fieldSelecting
}

// wireEncodings is the normal form of Accept-Encoding: those of br, gzip and
// zstd that the client takes, sorted.
func wireEncodings(h http.Header) (list []string) {
	for _, line := range h["Accept-Encoding"] {
		for member := range strings.SplitSeq(line, ",") {
			coding, q, _ := strings.Cut(strings.ReplaceAll(member, " ", ""), ";")
			if slices.Contains([]string{"br", "gzip", "zstd"}, coding) && q != "q=0" {
				list = append(list, coding)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
