package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "directory that pictures of the demo's pages are kept in")

// maxPicture bounds a picture in the documentation, in bytes.
const maxPicture = 150 << 10

// keptPictures returns the names of those that the documentation keeps.
func keptPictures() map[string]bool {
	return map[string]bool{
		"home-desktop-light": true, "home-phone-light": true, "card-desktop-dark": true, "card-phone-dark": true,
		"messages-phone-light": true, "review-desktop-dark": true, "console-desktop-light": true, "answer-desktop-dark": true, "console-phone-dark": true,
	}
}

// TestPagesOfTheDemo looks at the main pages on a phone and on a desk, in light
// and in dark: nothing is wider than the window, and each picture is small. With
// -screenshots the pictures are kept.
func TestPagesOfTheDemo(t *testing.T) {
	t.Parallel()
	dir := *screenshots
	if dir == "" {
		dir = t.TempDir()
	}
	p := spawn(t, nil, "--demo", "--addr=127.0.0.1:0").started()
	t.Cleanup(p.stop) // after the browser
	visitor, err := p.logIn("alice", demoPassword)
	if err != nil {
		t.Fatal(err)
	}
	var page []struct{ ID string }
	if err := visitor.get("/api/persona/public?sort_by=star_count&page_size=1", &page); err != nil || len(page) != 1 {
		t.Fatal(page, err)
	}
	item := "/persona/" + page[0].ID
	alice := browse(t, p.base)
	alice.logIn("alice", demoPassword)
	moderator := alice.stranger()
	moderator.logIn("demo_moderator", demoPassword)
	background := map[string]string{}
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 390, 844}, {"desktop", 1200, 800}} {
		for _, scheme := range []string{"light", "dark"} {
			for _, shot := range []struct {
				tab        *tab
				name, path string
			}{
				{alice, "home", "/"},
				{alice, "list", "/persona?sort=star_count"},
				{alice, "card", item},
				{alice, "knowledge", "/knowledge"},
				{alice, "upload", "/upload/persona"},
				{alice, "mine", "/me"},
				{alice, "messages", "/messages"},
				{moderator, "review", "/review"},
			} {
				name := shot.name + "-" + size.name + "-" + scheme
				shot.tab.look(size.width, size.height, scheme)
				shot.tab.visit(shot.path)
				shot.tab.visit(shot.path) // from the cache
				shot.tab.fits(name)
				background[scheme] = shot.tab.eval(`getComputedStyle(document.body).backgroundColor`)
				picture, err := chromedp.Run(shot.tab.ctx, chromedp.CaptureScreenshot())
				if err != nil {
					t.Fatal(err)
				}
				if len(picture) > maxPicture {
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
	if background["light"] == background["dark"] {
		t.Errorf("dark is as light: %v", background)
	}
}
