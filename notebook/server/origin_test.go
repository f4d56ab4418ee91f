package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestParseOrigins(t *testing.T) {
	t.Parallel()
	got, err := ParseOrigins(" https://WWW.example.com,http://localhost:5173 ,, http://[::1]:9278")
	if want := []string{"https://www.example.com", "http://localhost:5173", "http://[::1]:9278"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	for list, cause := range map[string]string{
		"*": "name each origin", "https://*.example.com": "name each origin", "null": "name each origin",
		"www.example.com": "neither http:// nor https://", "ftp://example.com": "neither http:// nor https://", "localhost:5173": "neither http:// nor https://",
		"https://example.com/": "more than", "https://example.com/app": "more than", "https://ann@example.com": "more than", "https://example.com?x": "more than",
		"https://": "more than", "https://example.com:443": "leave out the port", "http://example.com:80": "leave out the port", "http://a b": "invalid",
		"https://good.example,bad": "neither http:// nor https://",
	} {
		if _, err := ParseOrigins(list); err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: %v, want %q", list, err, cause)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		origin, site string
		want         bool
	}{
		{"", "", false}, {"", "cross-site", false}, {"http://notebook.example", "", false}, {"https://NOTEBOOK.example", "", false},
		{"http://notebook.example:81", "", true}, {"http://other.example", "", true}, {"null", "", true}, {"%", "", true},
		{"https://behind.example", "same-origin", false}, {"https://sub.notebook.example", "same-site", true}, {"http://notebook.example", "cross-site", true},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://notebook.example/", nil)
		r.Header.Set("Origin", test.origin)
		r.Header.Set("Sec-Fetch-Site", test.site)
		if got := foreign(r); got != test.want {
			t.Errorf("Origin %q, Sec-Fetch-Site %q: %v", test.origin, test.site, got)
		}
	}
}
