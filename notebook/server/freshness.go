package server

import (
	"net/http"
	"strings"
)

// tellPage repeats in Server-Timing what Cache-Status and Age say, for answers
// that are pages or confirm that the browser's copy of one is still good. Scripts
// of a page see no other field of the answer that brought it, and the page itself
// is the same bytes whenever it is served.
func tellPage(h http.Header) {
	if h.Get("Content-Security-Policy") == "" {
		return
	}
	if !strings.HasPrefix(h.Get("Cache-Status"), "unstale;hit") {
		h.Set("Server-Timing", `cache;desc="miss"`)
		return
	}
	h.Set("Server-Timing", `cache;desc="hit", age;desc="`+h.Get("Age")+`"`)
}
