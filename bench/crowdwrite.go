package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
)

// write does one of all that people do.
func (c *crowd) write(ctx context.Context, rng *rand.Rand) error {
	c.writes.Add(1)
	switch n := rng.IntN(100); {
	case n < 25:
		return c.change(ctx, c.claim(rng))
	case n < 50:
		return c.star(ctx, c.claim(rng), c.user(rng))
	case n < 65:
		return c.comment(ctx, c.claim(rng), c.user(rng))
	case n < 78:
		return c.react(ctx, rng, c.claim(rng), c.user(rng))
	case n < 90:
		return c.mail(ctx, c.user(rng), c.user(rng))
	case n < 95:
		return c.mute(ctx, c.user(rng))
	}
	return c.publish(ctx, rng)
}

func (c *crowd) user(rng *rand.Rand) *crowdUser { return c.users[rng.IntN(len(c.users))] }

// any returns an item: some are asked for often, most rarely.
func (c *crowd) any(rng *rand.Rand) *crowdItem {
	return c.items[rand.NewZipf(rng, 1.1, 1, uint64(len(c.items)-1)).Uint64()]
}

// claim returns an item to which nobody else writes, and which the caller
// unlocks. It waits for one where the first that come to mind are taken.
func (c *crowd) claim(rng *rand.Rand) *crowdItem {
	for range 5 {
		if i := c.any(rng); i.mu.TryLock() {
			return i
		}
	}
	i := c.any(rng)
	i.mu.Lock()
	return i
}

// change gives an item its next content.
func (c *crowd) change(ctx context.Context, i *crowdItem) error {
	defer i.mu.Unlock()
	next := strconv.FormatInt(c.number(), 10)
	ended := i.content.begin(next)
	err := i.owner.call(ctx, http.MethodPut, i.path(), map[string]string{"content": next}, nil)
	if err == nil {
		ended()
	}
	return err
}

// star gives an item the user's star, or takes it back.
func (c *crowd) star(ctx context.Context, i *crowdItem, u *crowdUser) error {
	defer i.mu.Unlock()
	had, more := i.starred[u.number].now(), 1
	if had {
		more = -1
	}
	one, all := i.starred[u.number].begin(!had), i.stars.begin(i.stars.now()+more)
	var got struct{ Starred bool }
	err := u.call(ctx, http.MethodPost, i.path()+"/star", nil, &got)
	if err != nil {
		return err
	}
	one()
	all()
	if got.Starred == had {
		c.complain(&c.stale, "a star on %s is %v, as it was", i.id, had)
	}
	return nil
}

// comment adds a comment, or deletes the oldest where there are many.
func (c *crowd) comment(ctx context.Context, i *crowdItem, u *crowdUser) error {
	defer i.mu.Unlock()
	list := i.comments.now()
	if len(list) >= crowdThread {
		ended := i.comments.begin(slices.Clone(list[1:]))
		err := c.admin.call(ctx, http.MethodDelete, "/api/comments/"+i.ids[list[0].text], nil, nil)
		if err == nil {
			ended()
		}
		return err
	}
	text := fmt.Sprint("comment ", c.number())
	u.mu.Lock() // nobody mutes him meanwhile
	defer u.mu.Unlock()
	if u.muted.now() {
		u = c.users[0]
	}
	ended := i.comments.begin(append(slices.Clone(list), crowdComment{text: text}))
	var made struct{ ID string }
	err := u.call(ctx, http.MethodPost, "/api/comments", map[string]string{"target_type": i.kind, "target_id": i.id, "content": text}, &made)
	if err == nil {
		ended()
		i.ids[text] = made.ID
	}
	return err
}

// react likes or dislikes one of the comments, or takes that back.
func (c *crowd) react(ctx context.Context, rng *rand.Rand, i *crowdItem, u *crowdUser) error {
	list := i.comments.now()
	if len(list) == 0 {
		return c.comment(ctx, i, u)
	}
	defer i.mu.Unlock()
	n, action := rng.IntN(len(list)), [...]string{"like", "dislike"}[rng.IntN(2)]
	next := slices.Clone(list)
	next[n].reactions = maps.Clone(next[n].reactions)
	if next[n].reactions[u.number] == action {
		delete(next[n].reactions, u.number)
	} else {
		if next[n].reactions == nil {
			next[n].reactions = map[int]string{}
		}
		next[n].reactions[u.number] = action
	}
	ended := i.comments.begin(next)
	err := u.call(ctx, http.MethodPost, "/api/comments/"+i.ids[list[n].text]+"/react", map[string]string{"action": action}, nil)
	if err == nil {
		ended()
	}
	return err
}

// mail sends a user a letter, or lets him read all, and throw away the oldest
// where he has many.
func (c *crowd) mail(ctx context.Context, u, from *crowdUser) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := u.letters.now()
	if len(list) < crowdThread {
		title := fmt.Sprint("letter ", c.number())
		ended := u.letters.begin(append(slices.Clone(list), crowdLetter{title: title}))
		err := from.call(ctx, http.MethodPost, "/api/messages/send", map[string]string{"recipient_id": u.id, "title": title, "content": title, "message_type": "direct"}, nil)
		if err == nil {
			ended()
		}
		return err
	}
	var mine []struct {
		ID, Title string
	}
	if err := u.get(ctx, crowdMail, &mine); err != nil {
		return err
	}
	for _, m := range mine {
		var err error
		switch n := slices.IndexFunc(list, func(l crowdLetter) bool { return l.title == m.Title }); {
		case n < 0: // from the site
		case n < crowdThread/2:
			list = slices.Delete(slices.Clone(list), n, n+1)
			ended := u.letters.begin(list)
			if err = u.call(ctx, http.MethodDelete, "/api/messages/"+m.ID, nil, nil); err == nil {
				ended()
			}
		case !list[n].read:
			list = slices.Clone(list)
			list[n].read = true
			ended := u.letters.begin(list)
			if err = u.call(ctx, http.MethodPost, "/api/messages/"+m.ID+"/read", nil, nil); err == nil {
				ended()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mute keeps a user from commenting, or lets him again.
func (c *crowd) mute(ctx context.Context, u *crowdUser) error {
	if u.number == 0 { // who comments for others
		u = c.users[1]
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	path, input := "/mute", any(map[string]string{"duration": "1d", "reason": "noise"})
	if u.muted.now() {
		path, input = "/unmute", nil
	}
	ended := u.muted.begin(!u.muted.now())
	err := c.admin.call(ctx, http.MethodPost, "/api/admin/users/"+u.id+path, input, nil)
	if err == nil {
		ended()
	}
	return err
}

// publish uploads an item and approves it, or deletes one where there are many.
func (c *crowd) publish(ctx context.Context, rng *rand.Rand) error {
	c.mu.Lock()
	n := len(c.fresh)
	var old *crowdItem
	if n >= crowdThread {
		old = c.fresh[rng.IntN(n)]
	}
	c.mu.Unlock()
	if old != nil && old.mu.TryLock() {
		defer old.mu.Unlock()
		if old.public.now() {
			ended := old.public.begin(false)
			err := c.admin.call(ctx, http.MethodDelete, old.path(), nil, nil)
			if err == nil {
				ended()
				c.mu.Lock()
				c.fresh = slices.DeleteFunc(c.fresh, func(i *crowdItem) bool { return i == old })
				c.mu.Unlock()
			}
			return err
		}
	}
	i, err := c.upload(ctx, c.uploader, [...]string{"persona", "knowledge"}[rng.IntN(2)])
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	c.mu.Lock()
	c.fresh = append(c.fresh, i)
	c.mu.Unlock()
	c.born.Store(i.id, i)
	return c.approve(ctx, i)
}

// upload uploads an item that waits for its review.
func (c *crowd) upload(ctx context.Context, owner *guest, kind string) (*crowdItem, error) {
	name := fmt.Sprint("item ", c.number())
	text, file := "[inner]\nversion = \"1.0.0\"\nname = \""+name+"\"\n", "bot_config.toml"
	if kind == "knowledge" {
		text, file = name+"\n", "notes.txt"
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	var errs []error
	for field, value := range map[string]string{"name": name, "description": "about " + name, "content": "0", "is_public": "true"} {
		errs = append(errs, form.WriteField(field, value))
	}
	part, err := form.CreateFormFile("files", file)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(part, text)
	if err := errors.Join(append(errs, err, form.Close())...); err != nil {
		return nil, err
	}
	var made struct{ ID string }
	if _, err := owner.send(ctx, http.MethodPost, "/api/"+kind+"/upload", form.FormDataContentType(), &body, &made); err != nil {
		return nil, err
	}
	i := &crowdItem{
		kind: kind, id: made.ID, text: text, owner: owner, ids: map[string]string{},
		content: newRegister("0"), stars: newRegister(0), public: newRegister(false), comments: newRegister[[]crowdComment](nil),
	}
	for range crowdUsers {
		i.starred = append(i.starred, newRegister(false))
	}
	var detail struct {
		Files []struct {
			ID string `json:"file_id"`
		}
	}
	err = owner.get(ctx, i.path(), &detail)
	if err == nil && len(detail.Files) == 1 {
		i.file = detail.Files[0].ID
	}
	return i, err
}

func (c *crowd) approve(ctx context.Context, i *crowdItem) error {
	ended := i.public.begin(true)
	err := c.admin.call(ctx, http.MethodPost, "/api/review/"+i.kind+"/"+i.id+"/approve", struct{}{}, nil)
	if err == nil {
		ended()
	}
	return err
}
