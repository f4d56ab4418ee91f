package rfc9111

import (
	"net/http"
	"testing"
)

func TestBypass(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"If-Match": true, "If-Unmodified-Since": true,
		"If-None-Match": false, "If-Modified-Since": false, "If-Range": false, "Range": false,
	} {
		if got := Bypass(http.Header{name: {"x"}}); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	type H = http.Header
	const date, older = "Fri, 02 Jan 2026 12:00:00 GMT", "Fri, 02 Jan 2026 11:00:00 GMT"
	whole, notModified, unsatisfied := Outcome{Status: 200}, Outcome{Status: 304}, Outcome{Status: 416}
	part := Outcome{Status: 206, Range: Range{1, 2}}
	stored := Stored{Status: 200, ETag: `"a"`, Size: 10}
	dated := Stored{Status: 200, ETag: `"a"`, Size: 10, LastModified: date}
	tests := []struct {
		name   string
		method string
		h      http.Header
		s      Stored
		want   Outcome
	}{
		{"plain", "GET", nil, stored, whole},
		{"None-Match false: step 3, RFC 9110 §13.2.2", "GET", H{"If-None-Match": {`"a"`}}, stored, notModified},
		{"None-Match true", "GET", H{"If-None-Match": {`"b"`}}, stored, whole},
		{"None-Match with HEAD", "HEAD", H{"If-None-Match": {`"a"`}}, stored, notModified},
		{"Modified-Since without opting in", "GET", H{"If-Modified-Since": {date}}, stored, whole},
		{"Modified-Since false: step 4", "GET", H{"If-Modified-Since": {date}}, dated, notModified},
		{"Modified-Since true", "GET", H{"If-Modified-Since": {older}}, dated, whole},
		{"Modified-Since ignored beside None-Match, RFC 9110 §13.1.3", "GET", H{"If-None-Match": {`"b"`}, "If-Modified-Since": {date}}, dated, whole},
		{"Modified-Since ignored beside a malformed None-Match", "GET", H{"If-None-Match": {`b`}, "If-Modified-Since": {date}}, dated, whole},
		{"Range: step 5", "GET", H{"Range": {"bytes=1-2"}}, stored, part},
		{"Range after None-Match", "GET", H{"Range": {"bytes=1-2"}, "If-None-Match": {`"a"`}}, stored, notModified},
		{"Range and None-Match true", "GET", H{"Range": {"bytes=1-2"}, "If-None-Match": {`"b"`}}, stored, part},
		{"Range with HEAD, RFC 9110 §14.2", "HEAD", H{"Range": {"bytes=1-2"}}, stored, whole},
		{"Range not satisfiable", "GET", H{"Range": {"bytes=10-"}}, stored, unsatisfied},
		{"Range not satisfiable, If-Range false", "GET", H{"Range": {"bytes=10-"}, "If-Range": {`"b"`}}, stored, whole},
		{"Range malformed", "GET", H{"Range": {"bytes=x"}}, stored, whole},
		{"Range twice", "GET", H{"Range": {"bytes=1-2", "bytes=1-2"}}, stored, whole},
		{"If-Range true", "GET", H{"Range": {"bytes=1-2"}, "If-Range": {`"a"`}}, stored, part},
		{"If-Range false", "GET", H{"Range": {"bytes=1-2"}, "If-Range": {`"b"`}}, stored, whole},
		{"If-Range with a date", "GET", H{"Range": {"bytes=1-2"}, "If-Range": {date}}, dated, whole},
		{"If-Range without Range", "GET", H{"If-Range": {`"a"`}}, stored, whole},
		{"stored 404: no condition, RFC 9110 §13.2.1", "GET", H{"If-None-Match": {`*`}}, Stored{Status: 404, ETag: `"a"`, Size: 10}, Outcome{Status: 404}},
		{"stored 301: no range", "GET", H{"Range": {"bytes=1-2"}}, Stored{Status: 301, Size: 10}, Outcome{Status: 301}},
		{"stored 204", "GET", H{"Range": {"bytes=1-2"}}, Stored{Status: 204}, Outcome{Status: 204}},
	}
	for _, tt := range tests {
		if got := Evaluate(tt.method, tt.h, tt.s, true); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
		want := tt.want
		if want == part || want == unsatisfied {
			want = whole
		}
		if got := Evaluate(tt.method, tt.h, tt.s, false); got != want {
			t.Errorf("%s, no parts: got %+v, want %+v", tt.name, got, want)
		}
	}
}
