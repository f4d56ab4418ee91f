package rfc9111

import (
	"net/http"
	"testing"
)

func TestStoredHeader(t *testing.T) {
	t.Parallel()
	type H = http.Header
	tests := []struct {
		name    string
		h, want http.Header
	}{
		{"empty", nil, H{}},
		{"ordinary fields stay", H{"Content-Type": {"text/html"}, "X-A": {"1", "2"}, "Etag": {`"a"`}, "Vary": {"Accept"}}, H{"Content-Type": {"text/html"}, "X-A": {"1", "2"}, "Etag": {`"a"`}, "Vary": {"Accept"}}},
		{"connection, RFC 9111 §3.1", H{"Connection": {"close"}, "Keep-Alive": {"x"}, "Te": {"x"}, "Trailer": {"X"}, "Transfer-Encoding": {"chunked"}, "Upgrade": {"x"}}, H{}},
		{"named by Connection, RFC 9110 §7.6.1", H{"Connection": {"X-a, x-B", "x-c"}, "X-A": {"1"}, "X-B": {"1"}, "X-C": {"1"}, "X-D": {"1"}}, H{"X-D": {"1"}}},
		{"named by Connection: lines, empty members, RFC 9110 §5.6.1", H{"Connection": {", ,x-a,", "", "\tX-B ,,x-c"}, "X-A": {"1"}, "X-B": {"1"}, "X-C": {"1"}}, H{}},
		{"proxy, RFC 9111 §3.1", H{"Proxy-Authenticate": {"x"}, "Proxy-Authentication-Info": {"x"}, "Proxy-Connection": {"x"}, "Proxy-Status": {"x"}}, H{}},
		{"one client's", H{"Set-Cookie": {"a=b"}, "Authentication-Info": {"x"}}, H{}},
		{"one answer's", H{"Age": {"1"}, "Cache-Status": {"x"}, "X-Request-Id": {"1"}, "Request-Id": {"1"}, "X-Correlation-Id": {"1"}}, H{}},
		{"when it was made, RFC 9110 §6.6.1", H{"Date": {"Fri, 02 Jan 2026 12:00:00 GMT"}}, H{"Date": {"Fri, 02 Jan 2026 12:00:00 GMT"}}},
		{"trailers", H{http.TrailerPrefix + "X-Sum": {"1"}}, H{}},
		{"another spelling", H{"set-cookie": {"a=b"}, "x-request-ID": {"1"}, "x-a": {"2"}, "X-A": {"1"}}, H{"X-A": {"1", "2"}}},
		{"suppressed fields stay suppressed", H{"Content-Type": nil}, H{"Content-Type": nil}},
	}
	for _, tt := range tests {
		before := tt.h.Clone()
		got := StoredHeader(tt.h)
		if !equalHeader(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		for name, values := range got {
			for i := range values {
				got[name][i] = "changed"
			}
			got[name] = append(values, "more")
		}
		got["New"] = []string{"x"}
		if !equalHeader(before, tt.h) {
			t.Errorf("%s: the copy shares memory with its source: %v", tt.name, tt.h)
		}
	}
}

func TestOmitFromNotModified(t *testing.T) {
	t.Parallel()
	// RFC 9110 §15.4.5 requires these in a 304 if the 200 had them.
	for _, name := range []string{"Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Vary"} {
		if OmitFromNotModified(name) {
			t.Errorf("%s omitted", name)
		}
	}
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range", "Last-Modified"} {
		if !OmitFromNotModified(name) {
			t.Errorf("%s not omitted", name)
		}
	}
}
