package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale"
)

// Options say who may see what. The zero value shows the page, without values, to
// whoever asks from the same machine.
type Options struct {
	// May says who may see the page. Default [Loopback].
	May func(*http.Request) bool

	// ExplainTo says who may see values, too: keys of rows, tags and keys that were
	// invalidated, literals in statements, and in whose course a change was made. They may
	// be personal. It runs for those who may see the page. Default nobody.
	ExplainTo func(*http.Request) bool
}

//go:embed assets/console.css assets/console.js assets/icon.svg
var assets embed.FS

// A console is the handler.
type console struct {
	cache   *unstale.Cache
	watcher *unstale.Watcher
	options Options
	streams streams
	looking chan struct{} // who looks up an answer, which walks over the whole store
	version string        // of what is embedded

	mu      sync.Mutex // guards what follows, which is looked at once a second for all who look on
	last    figures
	samples []sample
	walked  time.Time
	entries map[string]int
	claims  []unstale.Claim
}

// Handler returns the page of a cache, which is watched from now on until it is closed:
// see [unstale.Cache.Watch]. Of a cache that is off, or nil, it says that.
func Handler(c *unstale.Cache, o Options) http.Handler {
	if o.May == nil {
		o.May = Loopback
	}
	if o.ExplainTo == nil {
		o.ExplainTo = func(*http.Request) bool { return false }
	}
	h := &console{cache: c, watcher: c.Watch(), options: o, looking: make(chan struct{}, 1)}
	sum := sha256.New()
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		_, _ = sum.Write(content)
	}
	h.version = hex.EncodeToString(sum.Sum(nil))[:12]
	return h
}

// policy lets the page load what it consists of from where it came from, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if !c.options.May(r) || r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		http.Error(w, "This page is not for everybody: console.Options.May says who may see it.", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "This page only shows.", http.StatusMethodNotAllowed)
		return
	}
	switch name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; name {
	case "":
		c.page(w, r)
	case "stream":
		c.stream(w, r)
	case "data.json":
		c.data(w, r)
	case "answer":
		c.answer(w, r)
	case "console.css", "console.js", "icon.svg":
		c.asset(w, r, name)
	default:
		http.NotFound(w, r)
	}
}

// asset serves a file that the page refers to, whose URL names its version.
func (c *console) asset(w http.ResponseWriter, r *http.Request, name string) {
	if r.URL.Query().Get("v") == c.version {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, assets, "assets/"+name)
}
