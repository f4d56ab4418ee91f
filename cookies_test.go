package unstale_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// TestIgnoredCookies are those of the names, and those whose names begin as said.
func TestIgnoredCookies(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{IgnoreCookies: []string{"_ga*", "theme"}})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) }))
	get(h, "/")
	for cookies, ignored := range map[string]bool{
		"_ga=1": true, "_gat_gtag=1": true, "_ga_X=1; theme=dark": true, "theme=dark;_ga": true, "; theme=dark ;": true, "": true,
		"_g=1": false, "a_ga=1": false, "_GA=1": false, "themes=1": false, "them=1": false, "theme=dark; sid=1": false,
		"sid=1; _ga=1": false, "sid=_ga": false, "=theme": false, "theme =1": false,
	} {
		r := get(h, "/", "Cookie: "+cookies)
		if r.hit() != ignored || strings.Contains(r.status, "credentials") == ignored {
			t.Errorf("%q: %s, want ignored: %t", cookies, r.status, ignored)
		}
	}
}
