package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

const crowdMail = "/api/messages/by-type/direct?page_size=100"

// A crowdAnswer is an answer, and when it was asked for and there.
type crowdAnswer struct {
	path     string
	status   int
	body     []byte
	from, to time.Time
	mark     string // Cache-Status, for complaints
}

// A tagged answer can be asked for by its entity tag.
type tagged struct {
	tag, kind string
	body      []byte
}

// ask asks, now and then only for what is not known yet, and looks whether the
// answer is whole: a body has one entity tag, and an entity tag one body.
func (c *crowd) ask(ctx context.Context, rng *rand.Rand, g *guest, path string) (*crowdAnswer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+path, nil)
	if err != nil {
		return nil, err
	}
	if g.token != "" {
		r.Header.Set("Authorization", "Bearer "+g.token)
	}
	last, known := c.tags.Load(g.token + " " + path)
	if known && rng.IntN(4) == 0 {
		r.Header.Set("If-None-Match", last.(tagged).tag)
	} else {
		known = false
	}
	a := &crowdAnswer{path: path, from: time.Now()}
	w, err := g.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	a.body, err = io.ReadAll(w.Body)
	a.to, a.status, a.mark = time.Now(), w.StatusCode, w.Header.Get("Cache-Status")
	c.reads.Add(1)
	if err != nil {
		c.complain(&c.corrupted, "%s: %v", path, err)
		return a, nil
	}
	tag, kind := w.Header.Get("ETag"), w.Header.Get("Content-Type")
	switch {
	case a.status == http.StatusNotModified && (!known || tag != last.(tagged).tag):
		c.complain(&c.corrupted, "%s: 304 with the tag %s", path, tag)
	case a.status == http.StatusNotModified:
		c.notModified.Add(1)
		a.status, a.body, kind = http.StatusOK, last.(tagged).body, last.(tagged).kind
	case w.ContentLength >= 0 && w.ContentLength != int64(len(a.body)):
		c.complain(&c.corrupted, "%s: %d bytes of %d", path, len(a.body), w.ContentLength)
	case a.status == http.StatusOK && tag != "":
		same, had := c.tags.LoadOrStore(g.token+" "+path+" "+tag, sha256.Sum256(a.body))
		if had && same.([sha256.Size]byte) != sha256.Sum256(a.body) {
			c.complain(&c.corrupted, "%s: two bodies with the tag %s", path, tag)
		}
		c.tags.Store(g.token+" "+path, tagged{tag, kind, a.body})
	}
	if strings.HasPrefix(kind, "application/json") && !json.Valid(a.body) {
		c.complain(&c.corrupted, "%s: no JSON: %.200q", path, a.body)
	}
	if a.status >= 500 {
		return nil, fmt.Errorf("GET %s: %d: %.300s", path, a.status, a.body)
	}
	return a, nil
}

// isFresh counts the answer as stale unless what it shows was true.
func (c *crowd) isFresh(a *crowdAnswer, ok bool, what string) {
	if !ok {
		c.complain(&c.stale, "%s (%s): %d, %s: %.300s", a.path, a.mark, a.status, what, a.body)
	}
}

// data reads the data of the answer.
func (a *crowdAnswer) data(v any) {
	_ = json.Unmarshal(a.body, &struct { // what is no JSON was complained about
		Data any `json:"data"`
	}{v})
}

// read asks for one of all that people look at.
func (c *crowd) read(ctx context.Context, rng *rand.Rand) error {
	i, u := c.any(rng), c.user(rng)
	nobody := &guest{notebookServer: c.server}
	switch n := rng.IntN(100); {
	case n < 24:
		return c.readItem(ctx, rng, nobody, i)
	case n < 28:
		c.mu.Lock()
		if len(c.fresh) > 0 {
			i = c.fresh[rng.IntN(len(c.fresh))]
		}
		c.mu.Unlock()
		return c.readItem(ctx, rng, nobody, i)
	case n < 36:
		return c.readList(ctx, rng, nobody, "/api/"+i.kind+"/public?sort_by=star_count&page_size=20", nil)
	case n < 43:
		return c.readList(ctx, rng, nobody, "/api/"+i.kind+"/public?page_size=100&uploader_id="+i.owner.id, c.of(i.kind, i.owner))
	case n < 48:
		return c.readList(ctx, rng, u.guest, "/api/"+i.kind+"/user/"+u.id+"?page_size=100", c.of(i.kind, u.guest))
	case n < 60:
		return c.readComments(ctx, rng, u, i)
	case n < 68:
		return c.readStarred(ctx, rng, u, i)
	case n < 75:
		return c.readStars(ctx, rng, u)
	case n < 83:
		return c.readMe(ctx, rng, u)
	case n < 90:
		return c.readMail(ctx, rng, u)
	case n < 95:
		a, err := c.ask(ctx, rng, u.guest, i.path()+"/file/"+i.file)
		if err == nil && (a.status != http.StatusOK || string(a.body) != i.text) {
			c.complain(&c.corrupted, "%s: %d %.100q", a.path, a.status, a.body)
		}
		return err
	case n < 97:
		return c.refused(ctx, rng, nobody)
	}
	return c.refused(ctx, rng, c.revoked)
}

// of returns the items of one kind and owner that are there all the time.
func (c *crowd) of(kind string, owner *guest) (list []*crowdItem) {
	for _, i := range c.items {
		if i.kind == kind && i.owner.id == owner.id {
			list = append(list, i)
		}
	}
	return list
}

// refused asks for what is for users alone.
func (c *crowd) refused(ctx context.Context, rng *rand.Rand, g *guest) error {
	a, err := c.ask(ctx, rng, g, [...]string{"/api/users/me", "/api/users/stars", crowdMail}[rng.IntN(3)])
	if err == nil && a.status != http.StatusUnauthorized {
		c.complain(&c.leaked, "%s: %d %.200q", a.path, a.status, a.body)
	}
	return err
}

// A shown item is what answers say of one.
type shown struct {
	ID         string
	UploaderID string `json:"uploader_id"`
	Content    string
	StarCount  int `json:"star_count"`
}

// isTrue counts the answer as stale unless what it shows of the item was true.
func (c *crowd) isTrue(a *crowdAnswer, i *crowdItem, s shown) {
	c.isFresh(a, i.public.holds(a.from, a.to, func(public bool) bool { return public }), "it was not public")
	c.isFresh(a, i.content.holds(a.from, a.to, func(v string) bool { return v == s.Content }), "content "+s.Content)
	c.isFresh(a, i.stars.holds(a.from, a.to, func(n int) bool { return n == s.StarCount }), fmt.Sprint("stars ", s.StarCount))
}

func (c *crowd) readItem(ctx context.Context, rng *rand.Rand, g *guest, i *crowdItem) error {
	a, err := c.ask(ctx, rng, g, i.path())
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		c.isFresh(a, i.public.holds(a.from, a.to, func(public bool) bool { return !public }), "it was public")
		return nil
	}
	var s shown
	a.data(&s)
	c.isFresh(a, s.ID == i.id, "another item")
	c.isTrue(a, i, s)
	return nil
}

// readList asks for a list. Those in whole have all to be there.
func (c *crowd) readList(ctx context.Context, rng *rand.Rand, g *guest, path string, whole []*crowdItem) error {
	a, err := c.ask(ctx, rng, g, path)
	if err != nil {
		return err
	}
	var list []shown
	a.data(&list)
	there := map[string]bool{}
	for _, s := range list {
		there[s.ID] = true
		i := c.item(s.ID)
		c.isFresh(a, i != nil, "an unknown item")
		if i != nil {
			c.isTrue(a, i, s)
		}
		if g.id != "" && s.UploaderID != g.id {
			c.complain(&c.leaked, "%s: an item of %s for %s", path, s.UploaderID, g.id)
		}
	}
	for _, i := range whole {
		c.isFresh(a, there[i.id], "an item is missing")
	}
	return nil
}

// item returns an item, nil for one that was deleted long ago or never there.
func (c *crowd) item(id string) *crowdItem {
	for _, i := range c.items {
		if i.id == id {
			return i
		}
	}
	v, _ := c.born.Load(id)
	i, _ := v.(*crowdItem)
	return i
}

func (c *crowd) readComments(ctx context.Context, rng *rand.Rand, u *crowdUser, i *crowdItem) error {
	a, err := c.ask(ctx, rng, u.guest, "/api/comments?target_type="+i.kind+"&target_id="+i.id)
	if err != nil {
		return err
	}
	var list []struct {
		Content                 string
		LikeCount, DislikeCount int
		MyReaction              *string
	}
	a.data(&list)
	c.isFresh(a, i.comments.holds(a.from, a.to, func(want []crowdComment) bool {
		if len(want) != len(list) || a.status != http.StatusOK {
			return false
		}
		for n, w := range want {
			mine, count := "", map[string]int{}
			for _, r := range w.reactions {
				count[r]++
			}
			if list[n].MyReaction != nil {
				mine = *list[n].MyReaction
			}
			if list[n].Content != w.text || mine != w.reactions[u.number] || list[n].LikeCount != count["like"] || list[n].DislikeCount != count["dislike"] {
				return false
			}
		}
		return true
	}), "comments for "+u.name)
	return nil
}

func (c *crowd) readStarred(ctx context.Context, rng *rand.Rand, u *crowdUser, i *crowdItem) error {
	a, err := c.ask(ctx, rng, u.guest, i.path()+"/starred")
	if err != nil {
		return err
	}
	var got struct{ Starred bool }
	a.data(&got)
	c.isFresh(a, a.status == http.StatusOK && i.starred[u.number].holds(a.from, a.to, func(v bool) bool { return v == got.Starred }), "for "+u.name)
	return nil
}

func (c *crowd) readStars(ctx context.Context, rng *rand.Rand, u *crowdUser) error {
	a, err := c.ask(ctx, rng, u.guest, "/api/users/stars?page_size=50")
	if err != nil {
		return err
	}
	var list []struct {
		TargetID  string `json:"target_id"`
		StarCount int    `json:"star_count"`
	}
	a.data(&list)
	counts := map[string]int{}
	for _, s := range list {
		counts[s.TargetID] = s.StarCount
	}
	for _, i := range c.items {
		n, there := counts[i.id]
		c.isFresh(a, a.status == http.StatusOK && i.starred[u.number].holds(a.from, a.to, func(v bool) bool { return v == there }), "a star of "+u.name)
		c.isFresh(a, !there || i.stars.holds(a.from, a.to, func(v int) bool { return v == n }), "a number of stars")
	}
	return nil
}

func (c *crowd) readMe(ctx context.Context, rng *rand.Rand, u *crowdUser) error {
	a, err := c.ask(ctx, rng, u.guest, "/api/users/me")
	if err != nil {
		return err
	}
	var me struct {
		Username string
		IsMuted  bool `json:"is_muted"`
	}
	a.data(&me)
	if me.Username != u.name {
		c.complain(&c.leaked, "%s asks who he is: %d %.200s", u.name, a.status, a.body)
	}
	c.isFresh(a, u.muted.holds(a.from, a.to, func(v bool) bool { return v == me.IsMuted }), "muted")
	return nil
}

func (c *crowd) readMail(ctx context.Context, rng *rand.Rand, u *crowdUser) error {
	a, err := c.ask(ctx, rng, u.guest, crowdMail)
	if err != nil {
		return err
	}
	var list []struct {
		Title       string
		RecipientID string `json:"recipient_id"`
		IsRead      bool   `json:"is_read"`
	}
	a.data(&list)
	var letters []crowdLetter
	for n := len(list) - 1; n >= 0; n-- { // the newest come first
		if list[n].RecipientID != u.id {
			c.complain(&c.leaked, "%s gets a letter to %s", u.name, list[n].RecipientID)
		}
		if strings.HasPrefix(list[n].Title, "letter ") { // and not from the site
			letters = append(letters, crowdLetter{list[n].Title, list[n].IsRead})
		}
	}
	c.isFresh(a, a.status == http.StatusOK && u.letters.holds(a.from, a.to, func(want []crowdLetter) bool { return slices.Equal(want, letters) }), "letters to "+u.name)
	return nil
}
