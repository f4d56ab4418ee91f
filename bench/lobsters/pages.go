package lobsters

import (
	"strconv"
	"strings"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

const perPage = 25

// layout begins a page and returns the id of who is logged in, 0 for nobody.
func (a *application) layout(p *workload.Page, title string) (me int64) {
	p.Printf("<!DOCTYPE html><title>%s</title>\n", title)
	if id := unstale.Identity(p.Context()); id != "" {
		me, _ = strconv.ParseInt(id, 10, 64)
	}
	if me == 0 {
		p.Printf("<nav><a href=/login>Login</a></nav>\n")
		return 0
	}
	if u := p.Row(`SELECT username, karma FROM users WHERE id = ?`, me); u != nil {
		p.Printf("<nav><a href=/u/%s>%[1]s (%d)</a>", u.Text(0), u.Int(1))
	}
	if n := p.Row(`SELECT value FROM keystores WHERE key = ?`, counter(me, "unread_replies")); n != nil {
		p.Printf(" <a href=/replies>%d replies</a></nav>\n", n.Int(0))
	}
	return me
}

// counter is the key of one of a user's counters.
func counter(user int64, what string) string {
	return "user:" + strconv.FormatInt(user, 10) + ":" + what
}

const storyColumns = `stories.id, stories.short_id, stories.user_id, stories.title, stories.url, stories.score, stories.comments_count,
	stories.created_at, stories.hotness`

const notMine = ` AND stories.id NOT IN (SELECT story_id FROM hidden_stories WHERE user_id = ?)
	AND stories.id NOT IN (SELECT taggings.story_id FROM taggings JOIN tag_filters ON tag_filters.tag_id = taggings.tag_id WHERE tag_filters.user_id = ?)`

func (a *application) frontPage(p *workload.Page) {
	me := a.layout(p, "Lobsters")
	if me == 0 {
		a.list(p, me, p.Rows(`SELECT `+storyColumns+` FROM stories
			WHERE stories.merged_story_id IS NULL AND stories.is_expired = 0 AND stories.score >= 0
			ORDER BY stories.hotness, stories.id LIMIT ?`, perPage))
		return
	}
	a.list(p, me, p.Rows(`SELECT `+storyColumns+` FROM stories
		WHERE stories.merged_story_id IS NULL AND stories.is_expired = 0 AND stories.score >= 0`+notMine+`
		ORDER BY stories.hotness, stories.id LIMIT ?`, me, me, perPage))
}

func (a *application) recent(p *workload.Page) {
	me := a.layout(p, "Newest")
	a.list(p, me, p.Rows(`SELECT `+storyColumns+` FROM stories
		WHERE stories.merged_story_id IS NULL AND stories.is_expired = 0
		ORDER BY stories.id DESC LIMIT ?`, perPage))
}

// list shows stories with what belongs to them.
func (a *application) list(p *workload.Page, me int64, stories []workload.Row) {
	if len(stories) == 0 {
		return
	}
	var ids, authors []int64
	for _, s := range stories {
		ids, authors = append(ids, s.Int(0)), append(authors, s.Int(2))
	}
	names := a.names(p, authors)
	in, args := workload.In(ids)
	tags := make(map[int64][]string)
	for _, t := range p.Rows(`SELECT taggings.story_id, taggings.tag_id, tags.id, tags.tag FROM taggings JOIN tags ON tags.id = taggings.tag_id
		WHERE taggings.story_id IN `+in+` ORDER BY tags.tag, taggings.story_id`, args...) {
		tags[t.Int(0)] = append(tags[t.Int(0)], t.Text(3))
	}
	votes, saved := make(map[int64]int64), make(map[int64]bool)
	if me != 0 {
		mine := append([]any{me}, args...)
		for _, v := range p.Rows(`SELECT story_id, vote FROM votes WHERE user_id = ? AND story_id IN `+in+` AND comment_id IS NULL ORDER BY id`, mine...) {
			votes[v.Int(0)] = v.Int(1)
		}
		for _, s := range p.Rows(`SELECT story_id FROM saved_stories WHERE user_id = ? AND story_id IN `+in+` ORDER BY id`, mine...) {
			saved[s.Int(0)] = true
		}
	}
	p.Printf("<ol>\n")
	for _, s := range stories {
		id := s.Int(0)
		p.Printf("<li>%d <a href=%s>%s</a> [%s] by %s at %d, <a href=/s/%s>%d comments</a>", s.Int(5), s.Text(4), s.Text(3),
			strings.Join(tags[id], " "), names[s.Int(2)], s.Int(7), s.Text(1), s.Int(6))
		if v := votes[id]; v != 0 {
			p.Printf(" voted %+d", v)
		}
		if saved[id] {
			p.Printf(" saved")
		}
		p.Printf("</li>\n")
	}
	p.Printf("</ol>\n")
}

// names returns the names of users.
func (a *application) names(p *workload.Page, users []int64) map[int64]string {
	names := make(map[int64]string)
	in, args := workload.In(users)
	for _, u := range p.Rows(`SELECT id, username FROM users WHERE id IN `+in+` ORDER BY id`, args...) {
		names[u.Int(0)] = u.Text(1)
	}
	return names
}

func (a *application) story(p *workload.Page) {
	me := a.layout(p, "Story")
	s := p.Row(`SELECT id, user_id, title, url, description, score, created_at FROM stories WHERE short_id = ?`, p.Value("story"))
	if s == nil {
		p.NotFound()
		return
	}
	id := s.Int(0)
	p.Printf("<h1>%d <a href=%s>%s</a></h1>%s\n", s.Int(5), s.Text(3), s.Text(2), s.Text(4))
	if u := p.Row(`SELECT username FROM users WHERE id = ?`, s.Int(1)); u != nil {
		p.Printf("<p>by %s at %d</p>\n", u.Text(0), s.Int(6))
	}
	for _, t := range p.Rows(`SELECT taggings.tag_id, tags.id, tags.tag FROM taggings JOIN tags ON tags.id = taggings.tag_id
		WHERE taggings.story_id = ? ORDER BY tags.tag`, id) {
		p.Printf("<b>%s</b> ", t.Text(2))
	}
	for _, m := range p.Rows(`SELECT id, short_id, title FROM stories WHERE merged_story_id = ? ORDER BY id`, id) {
		p.Printf("<p>merged: <a href=/s/%s>%s</a></p>\n", m.Text(1), m.Text(2))
	}
	seen := a.mine(p, me, id)
	p.Printf("<ul>\n")
	for _, c := range p.Rows(`SELECT comments.id, comments.short_id, comments.user_id, comments.parent_comment_id, comments.comment, comments.score,
		comments.confidence, comments.created_at, users.id, users.username FROM comments JOIN users ON users.id = comments.user_id
		WHERE comments.story_id = ? AND comments.is_deleted = 0
		ORDER BY comments.score < 0, comments.confidence DESC, comments.id`, id) {
		p.Printf("<li id=%s>%d %s at %d, under %d: %s", c.Text(1), c.Int(5), c.Text(9), c.Int(7), c.Int(3), c.Text(4))
		if seen.ribbon != 0 && c.Int(7) > seen.ribbon && c.Int(2) != me {
			p.Printf(" <i>unread</i>")
		}
		if v := seen.votes[c.Int(0)]; v != 0 {
			p.Printf(" voted %+d", v)
		}
		p.Printf("</li>\n")
	}
	p.Printf("</ul>\n")
}

// seen is what the reader of a story did there before.
type seen struct {
	ribbon int64           // when he last looked, 0 for never
	votes  map[int64]int64 // by comment
}

// mine shows what concerns the reader of a story.
func (a *application) mine(p *workload.Page, me, story int64) seen {
	s := seen{votes: make(map[int64]int64)}
	if me == 0 {
		return s
	}
	if r := p.Row(`SELECT updated_at FROM read_ribbons WHERE user_id = ? AND story_id = ?`, me, story); r != nil {
		s.ribbon = r.Int(0)
	}
	if v := p.Row(`SELECT vote FROM votes WHERE user_id = ? AND story_id = ? AND comment_id IS NULL ORDER BY id LIMIT 1`, me, story); v != nil {
		p.Printf("<p>voted %+d</p>\n", v.Int(0))
	}
	if p.Row(`SELECT id FROM hidden_stories WHERE user_id = ? AND story_id = ?`, me, story) != nil {
		p.Printf("<p>hidden</p>\n")
	}
	if p.Row(`SELECT id FROM saved_stories WHERE user_id = ? AND story_id = ?`, me, story) != nil {
		p.Printf("<p>saved</p>\n")
	}
	for _, v := range p.Rows(`SELECT comment_id, vote FROM votes WHERE user_id = ? AND story_id = ? AND comment_id IS NOT NULL ORDER BY id`, me, story) {
		s.votes[v.Int(0)] = v.Int(1)
	}
	return s
}

func (a *application) comments(p *workload.Page) {
	me := a.layout(p, "Newest comments")
	list := p.Rows(`SELECT id, short_id, story_id, user_id, comment, score, created_at FROM comments WHERE is_deleted = 0 ORDER BY id DESC LIMIT 40`)
	if len(list) == 0 {
		return
	}
	var ids, stories, authors []int64
	for _, c := range list {
		ids, stories, authors = append(ids, c.Int(0)), append(stories, c.Int(2)), append(authors, c.Int(3))
	}
	names, titles := a.names(p, authors), make(map[int64]workload.Row)
	in, args := workload.In(stories)
	for _, s := range p.Rows(`SELECT id, short_id, title FROM stories WHERE id IN `+in+` ORDER BY id`, args...) {
		titles[s.Int(0)] = s
	}
	votes := make(map[int64]int64)
	if me != 0 {
		in, args := workload.In(ids)
		for _, v := range p.Rows(`SELECT comment_id, vote FROM votes WHERE user_id = ? AND comment_id IN `+in+` ORDER BY id`, append([]any{me}, args...)...) {
			votes[v.Int(0)] = v.Int(1)
		}
	}
	for _, c := range list {
		s := titles[c.Int(2)]
		if s == nil {
			continue
		}
		p.Printf("<p>%d %s on <a href=/s/%s#%s>%s</a> at %d: %s", c.Int(5), names[c.Int(3)], s.Text(1), c.Text(1), s.Text(2), c.Int(6), c.Text(4))
		if v := votes[c.Int(0)]; v != 0 {
			p.Printf(" voted %+d", v)
		}
		p.Printf("</p>\n")
	}
}

func (a *application) user(p *workload.Page) {
	a.layout(p, "User")
	u := p.Row(`SELECT id, username, about, karma, invited_by_user_id, created_at FROM users WHERE username = ?`, p.Value("name"))
	if u == nil {
		p.NotFound()
		return
	}
	p.Printf("<h1>%s</h1><p>%s</p><p>since %d, karma %d</p>\n", u.Text(1), u.Text(2), u.Int(5), u.Int(3))
	if by := p.Row(`SELECT username FROM users WHERE id = ?`, u.Int(4)); by != nil {
		p.Printf("<p>invited by %s</p>\n", by.Text(0))
	}
	for _, what := range []string{"stories_submitted", "comments_posted"} {
		if n := p.Row(`SELECT value FROM keystores WHERE key = ?`, counter(u.Int(0), what)); n != nil {
			p.Printf("<p>%s: %d</p>\n", what, n.Int(0))
		}
	}
	if t := p.Row(`SELECT tags.id, tags.tag, count(*) FROM taggings JOIN tags ON tags.id = taggings.tag_id JOIN stories ON stories.id = taggings.story_id
		WHERE stories.user_id = ? GROUP BY tags.id, tags.tag ORDER BY count(*) DESC, tags.tag LIMIT 1`, u.Int(0)); t != nil {
		p.Printf("<p>most often about %s</p>\n", t.Text(1))
	}
}
