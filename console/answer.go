package console

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/unstale/unstale"
)

// answerView is what is known of one stored answer, and a picture of it.
type answerView struct {
	Number     int
	Of         int
	Stored     bool
	Since      string
	Until      string
	Reason     string // why it cannot be served now
	SelectedBy []string
	Keys       []string
	Change     *changeView
	MissReason string
	MissTime   string
	MadeOf     []madeOf
	Wide       *picture
	Narrow     *picture
}

// madeOf is a statement and what of it matters.
type madeOf struct {
	Statement string
	Source    string
	Count     int
	Changed   bool
}

// maxVariants bounds those of one URL that are shown.
const maxVariants = 20

// answer shows what is known of the answers to a URL.
func (c *console) answer(w http.ResponseWriter, r *http.Request) {
	v := c.view(r)
	v.Ask = strings.TrimSpace(r.URL.Query().Get("url"))
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		v.Ask = "" // a page elsewhere is not to have the store walked over
	}
	key, ok := c.key(v.Ask, r)
	if !ok {
		v.Note = "Give the URL that a GET asks for: a path with its query, or all of it."
		c.show(w, v)
		return
	}
	select {
	case c.looking <- struct{}{}:
		defer func() { <-c.looking }()
	case <-r.Context().Done():
		return
	}
	list := c.cache.Explain(key)
	if len(list) == 0 {
		v.Note = "Nothing is known of an answer to this URL: it was never stored, or it is forgotten."
	}
	for i, e := range list[:min(len(list), maxVariants)] {
		x := v.explained(&e)
		x.Number, x.Of = i+1, len(list)
		v.Found = append(v.Found, x)
	}
	c.show(w, v)
}

// key returns the key of what a GET of the URL asks for.
func (c *console) key(ask string, r *http.Request) (string, bool) {
	u, err := url.Parse(ask)
	if ask == "" || err != nil || !strings.HasPrefix(u.Path, "/") || u.Scheme != "" && u.Host == "" {
		return "", false
	}
	return c.cache.RequestKey(&http.Request{Method: http.MethodGet, Host: cmp.Or(u.Host, r.Host), URL: u, TLS: r.TLS}), true
}

func (v *view) explained(e *unstale.Explanation) *answerView {
	const format = "15:04:05 UTC"
	x := &answerView{Stored: e.Stored, Reason: e.Reason, SelectedBy: e.SelectedBy}
	if e.Stored {
		x.Since, x.Until = e.Since.UTC().Format(format), e.Until.UTC().Format(format)
	}
	if v.Explain {
		x.Keys = e.Keys
	}
	change := e.Change
	if m := e.LastMiss; m != nil {
		x.MissReason, x.MissTime = m.Reason, m.Time.UTC().Format(format)
		if change == nil {
			change = m.Change
		}
	}
	if change != nil {
		ch := v.change(&unstale.Fall{Change: change})
		x.Change = &ch
	}
	for _, d := range e.Dependencies {
		source := v.text(d.Source)
		if kind, _, _ := strings.Cut(d.Source, " "); d.Statement == "" && !v.Explain && kind == "tag" {
			source = hideTarget(d.Source)
		}
		x.MadeOf = append(x.MadeOf, madeOf{v.text(d.Statement), source, d.Count, d.Changed})
	}
	if len(x.MadeOf) > 0 {
		x.Wide, x.Narrow = x.draw(960), x.draw(350)
	}
	return x
}
