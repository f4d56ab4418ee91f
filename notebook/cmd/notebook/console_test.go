package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/console"
)

// TestConsoleOfTheDemo looks at the page of the cache while the demo's visitors use it:
// each panel is live, nothing is wider than the window, the colours are those that its
// owner prefers, and only admins see it. With -screenshots pictures are kept.
func TestConsoleOfTheDemo(t *testing.T) {
	t.Parallel()
	dir := *screenshots
	if dir == "" {
		dir = t.TempDir()
	}
	p := spawn(t, nil, "--demo", "--demo-traffic", "--addr=127.0.0.1:0").started()
	t.Cleanup(p.stop) // after the browser
	admin := browse(t, p.base)
	admin.look(1200, 900, "light")
	admin.visit("/console/")
	admin.until(`location.pathname === "/login"`)
	admin.fill("#username", demoAdmin)
	admin.fill("#password", demoPassword)
	admin.click("form button.main")
	admin.until(`location.pathname === "/console/"`)
	alice := admin.stranger()
	alice.logIn("alice", demoPassword)
	alice.until(`!document.querySelector('.bar a[href="/console/"]')`)

	admin.until(`document.querySelector("#state").textContent === "live"`)
	// What fells answers shows while it happens.
	item, err := p.logIn("alice", demoPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := item.get("/console/data.json", nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("to a user: %v", err)
	}
	var page []struct{ ID string } // that none of the visitors asks for
	if err := item.get("/api/persona/public?sort_by=star_count&page=3&page_size=20", &page); err != nil || len(page) == 0 {
		t.Fatal(page, err)
	}
	alice.visit("/persona/" + page[0].ID)
	if err := item.post("/api/persona/"+page[0].ID+"/star", nil, nil); err != nil {
		t.Fatal(err)
	}
	admin.shows("#changes li", page[0].ID) // the key of the row, for an admin
	admin.shows("#changes li .fell", "answer")
	admin.visit("/console/answer?url=/persona/" + page[0].ID)
	admin.shows(".found h2", "Stored, and not served: changed")
	admin.until(`document.querySelector(".drawing .source.changed") !== null && document.querySelector(".drawing .change") !== null`)
	admin.visit("/console/")
	admin.shows("#routes tbody th code", "GET /persona/{id}")
	admin.shows("#sources h3", "tier S")
	admin.until(`document.querySelectorAll("#routes svg.bar rect.hit").length > 3`)
	admin.until(`document.querySelector("#top .curve path.hits") !== null`)
	admin.until(`/^[1-9]/.test(document.querySelector("#top .tile.main strong").textContent)`)

	for _, size := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1200, 900}, {"phone", 390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			for _, shot := range []struct{ name, path string }{{"console", "/console/"}, {"answer", "/console/answer?url=/persona/" + page[0].ID}} {
				name := shot.name + "-" + size.name + "-" + scheme
				admin.look(size.width, size.height, scheme)
				admin.visit(shot.path)
				if shot.name == "console" {
					admin.until(`document.querySelector("#top .curve") !== null`)
				} else {
					admin.until(`document.querySelector(".drawing .statement") !== null`)
				}
				admin.fits(name)
				picture, err := chromedp.Run(admin.ctx, chromedp.CaptureScreenshot())
				if err != nil {
					t.Fatal(err)
				}
				if len(picture) > 2*maxPicture {
					t.Errorf("%s: %d bytes", name, len(picture))
				}
				if keptPictures()[name] {
					if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}

	// By keyboard: the first stop skips what is on top, the answer to a URL is a line and Enter.
	admin.look(1200, 900, "light")
	admin.visit("/console/")
	admin.do("tab", chromedp.KeyEvent("\t"))
	admin.until(`document.activeElement.className === "skip"`)
	admin.do("tab to the pause", chromedp.KeyEvent("\t"), chromedp.KeyEvent("\t"))
	admin.until(`document.activeElement.id === "url"`)
	admin.do("ask", chromedp.KeyEvent("/persona/"+page[0].ID+"\r"))
	admin.until(`location.pathname === "/console/answer" && document.querySelector(".found") !== null`)
	admin.visit("/console/")
	admin.do("pause", chromedp.KeyEvent("\t\t\t\t\t"))
	admin.until(`document.activeElement.id === "pause"`)
	admin.do("pause", chromedp.KeyEvent(" "))
	admin.until(`document.querySelector("#state").textContent === "paused"`)
}

// TestConsoleOfAnything looks at pages of services that are not as they should be.
func TestConsoleOfAnything(t *testing.T) {
	t.Parallel()
	const evil = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`
	cache, err := unstale.New(unstale.Options{Slots: 1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	var down atomic.Bool
	t.Cleanup(cache.Follow(asks(func(context.Context) error {
		if down.Load() {
			return errors.New("down")
		}
		return nil
	}), "x"))
	wrap, err := cache.Middleware(unstale.HandlerOptions{Route: func(r *http.Request) string {
		if r.URL.Path == "/evil" {
			return evil
		}
		return r.URL.Path
	}, VerifyShare: 1})
	if err != nil {
		t.Fatal(err)
	}
	served := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		fmt.Fprint(w, strings.Repeat("x", 100))
	}))
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", console.Handler(cache, console.Options{}))
	mux.Handle("/off/", console.Handler(off, console.Options{}))
	mux.Handle("/", served)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close) // after the browser
	ask := func(path string) {
		served.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	ask("/evil")
	ask("/evil")
	v := browse(t, srv.URL)
	v.look(1200, 900, "dark")
	v.visit("/console/")
	v.shows("#routes tbody th code", evil)
	v.shows("#trust li", "same")
	v.until(`document.title === "unstale" && document.querySelector("#routes img") === null`)

	// A filter that somebody is writing, and what they have opened, stay.
	v.fill("#route", "no such")
	events := v.eval(`document.documentElement.dataset.events`)
	cache.Database("main", nil).Coarse("SELECT a FROM t WHERE b = 'secret' OR c", "or")
	v.shows("#coarse code", "SELECT a FROM t WHERE b = '…' OR c")
	v.shows("#coarse .advice", "write OR of one column as IN")
	v.until(`document.activeElement.id === "route" && document.activeElement.value === "no such"`)
	if now := v.eval(`document.documentElement.dataset.events`); now == events {
		t.Error("nothing has changed meanwhile")
	}

	for i := range 10_000 {
		ask(fmt.Sprint("/many/", i))
	}
	v.visit("/console/")
	v.shows("#routes .more", "more routes are not shown")
	v.look(390, 844, "dark")
	v.visit("/console/?route=/many/1")
	v.until(`document.querySelectorAll("#routes tbody tr").length === 50`)
	v.fits("many routes on a phone")

	down.Store(true)
	v.shows("#sources .notice.bad", "nobody vouches")
	v.until(`document.querySelector("#top .tile.bad strong").textContent === "1"`)
	down.Store(false)
	v.until(`document.querySelector("#top .tile.bad") === null`)

	v.visit("/off/")
	v.shows("main .notice", "The cache is off")
	v.fits("a cache that is off")
}

// asks is a source.
type asks func(context.Context) error

// CatchUp implements unstale.Source.
func (a asks) CatchUp(ctx context.Context) error { return a(ctx) }
