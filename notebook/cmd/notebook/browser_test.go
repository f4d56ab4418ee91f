package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to become what a test waits for.
const patience = 20 * time.Second

// A tab is a page of a real browser. Whatever its console complains of, such as
// what the content security policy forbids, fails the test.
type tab struct {
	testing.TB
	base string
	ctx  context.Context
}

// browse starts a browser on the notebook at base.
func browse(t testing.TB, base string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.Flag("accept-lang", "zh-CN"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	return openTab(ctx, t, base)
}

// chromium returns the path of the browser.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium is on the PATH: tools/need.sh chromium, from the top of the tree, says how to install it")
	return ""
}

func openTab(parent context.Context, t testing.TB, base string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	v := &tab{t, base, ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	var complaints []string
	heard, console := make(chan struct{}), chromedp.Console(ctx)
	go func() {
		defer close(heard)
		for message, err := range console {
			if err != nil {
				return // the tab is closed
			}
			complaints = append(complaints, message.String())
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-heard
		if len(complaints) > 0 {
			t.Errorf("the browser complains:\n%s", strings.Join(complaints, "\n"))
		}
	})
	return v
}

// another opens one more tab of the same person.
func (v *tab) another() *tab {
	v.Helper()
	return openTab(v.ctx, v.TB, v.base)
}

// stranger opens a tab of somebody else, who has no cookie yet.
func (v *tab) stranger() *tab {
	v.Helper()
	return openTab(v.ctx, v.TB, v.base, chromedp.WithNewBrowserContext())
}

func (v *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		shown, _ := chromedp.Run(v.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
		v.Fatalf("%s: %v; the page:\n%s", what, err, shown)
	}
}

// visit goes to a page, and waits until its parts are there.
func (v *tab) visit(path string) {
	v.Helper()
	v.do("visit "+path, chromedp.Navigate(v.base+path))
	v.until(`[...document.querySelectorAll("[data-part]")].every(p => "loaded" in p.dataset)`)
}

// until waits for an expression to be true.
func (v *tab) until(expression string) {
	v.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		// It fails while one page gives way to the next.
		if done, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](expression)); done && err == nil {
			return
		} else if time.Now().After(deadline) {
			shown, _ := chromedp.Run(v.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
			v.Fatalf("not so: %s (%v); the page:\n%s", expression, err, shown)
		}
	}
}

// shows waits until the element contains the text.
func (v *tab) shows(selector, text string) {
	v.Helper()
	v.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, selector, text))
}

// eval returns what an expression comes to, as text.
func (v *tab) eval(expression string) string {
	v.Helper()
	got, err := chromedp.Run(v.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		v.Fatalf("%s: %v", expression, err)
	}
	return got
}

// fill replaces what is in a field.
func (v *tab) fill(selector, text string) {
	v.Helper()
	v.eval(fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	v.do("fill "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (v *tab) click(selector string) {
	v.Helper()
	v.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// logIn logs in with the form.
func (v *tab) logIn(name, password string) {
	v.Helper()
	v.visit("/login")
	v.fill("#username", name)
	v.fill("#password", password)
	v.click("form button.main")
	v.shows(".bar .self", name)
}

// freshness returns what the footer says: hit or miss.
func (v *tab) freshness() string {
	v.Helper()
	return v.eval(`document.querySelector("[data-freshness]").dataset.freshness`)
}

// look sets the size of the window and the colours that its owner prefers.
func (v *tab) look(width, height int64, scheme string) {
	v.Helper()
	v.do("look", chromedp.EmulateViewport(width, height), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// call returns the action that sends the browser a command.
func call[P, R any](command cdp.Command[P, R], parameters P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (nothing chromedp.Void, err error) {
		_, err = cdp.Call(ctx, target, command, parameters)
		return nothing, err
	}
}

// fits fails the test if the page is wider than the window.
func (v *tab) fits(what string) {
	v.Helper()
	if wide := v.eval(`document.documentElement.scrollWidth - innerWidth`); wide != "0" && !strings.HasPrefix(wide, "-") {
		v.Errorf("%s is %s px wider than the window: %s", what, wide, v.eval(
			`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "." + e.className).slice(0, 5).join(" ")`))
	}
}
