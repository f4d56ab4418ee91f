package lobsters

import (
	"strconv"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

// me returns the id of who asks.
func me(c *workload.Change) int64 {
	id, _ := strconv.ParseInt(unstale.Identity(c.Context()), 10, 64)
	return id
}

// markRead is sent by the page of a story when it was shown.
func (a *application) markRead(c *workload.Change) {
	s := c.Row(`SELECT id FROM stories WHERE short_id = ?`, c.PathValue("story"))
	if s == nil {
		return
	}
	now := a.clock.Now.Unix()
	if r := c.Row(`SELECT id FROM read_ribbons WHERE user_id = ? AND story_id = ?`, me(c), s.Int(0)); r != nil {
		c.Exec(`UPDATE read_ribbons SET updated_at = ? WHERE id = ?`, now, r.Int(0))
		return
	}
	c.Exec(`INSERT INTO read_ribbons (user_id, story_id, created_at, updated_at) VALUES (?, ?, ?, ?)`, me(c), s.Int(0), now, now)
}

// rank gives a story another score and one more of comments, and the place on
// the front page that follows.
func rank(c *workload.Change, story, score, comments int64) {
	s := c.Row(`SELECT score, comments_count, created_at FROM stories WHERE id = ?`, story)
	if s == nil {
		return
	}
	score, comments = score+s.Int(0), comments+s.Int(1)
	c.Exec(`UPDATE stories SET score = ?, comments_count = ?, hotness = ? WHERE id = ?`,
		score, comments, hotness(time.Unix(s.Int(2), 0), int(score), int(comments)), story)
}

// vote records a vote and returns by how much it changes the score.
func vote(c *workload.Change, old workload.Row, story int64, comment any) (change int64) {
	n, _ := strconv.ParseInt(c.FormValue("vote"), 10, 64)
	if old != nil {
		c.Exec(`UPDATE votes SET vote = ? WHERE id = ?`, n, old.Int(0))
		return n - old.Int(1)
	}
	c.Exec(`INSERT INTO votes (user_id, story_id, comment_id, vote) VALUES (?, ?, ?, ?)`, me(c), story, comment, n)
	return n
}

func (a *application) voteStory(c *workload.Change) {
	s := c.Row(`SELECT id, user_id FROM stories WHERE short_id = ?`, c.PathValue("story"))
	if s == nil {
		return
	}
	old := c.Row(`SELECT id, vote FROM votes WHERE user_id = ? AND story_id = ? AND comment_id IS NULL`, me(c), s.Int(0))
	if change := vote(c, old, s.Int(0), nil); change != 0 {
		c.Exec(`UPDATE users SET karma = karma + ? WHERE id = ?`, change, s.Int(1))
		rank(c, s.Int(0), change, 0)
	}
}

func (a *application) voteComment(c *workload.Change) {
	r := c.Row(`SELECT id, story_id, user_id, score FROM comments WHERE short_id = ?`, c.PathValue("comment"))
	if r == nil {
		return
	}
	old := c.Row(`SELECT id, vote FROM votes WHERE user_id = ? AND story_id = ? AND comment_id = ?`, me(c), r.Int(1), r.Int(0))
	if change := vote(c, old, r.Int(1), r.Int(0)); change != 0 {
		score := r.Int(3) + change
		c.Exec(`UPDATE comments SET score = ?, confidence = ? WHERE id = ?`, score, confidence(int(score)), r.Int(0))
		c.Exec(`UPDATE users SET karma = karma + ? WHERE id = ?`, change, r.Int(2))
		rank(c, r.Int(1), 0, 0)
	}
}

// next returns the id that the next row of a table gets.
func next(c *workload.Change, query string) int64 {
	if r := c.Row(query); r != nil {
		return r.Int(0) + 1
	}
	return 1
}

func (a *application) reply(c *workload.Change) {
	s := c.Row(`SELECT id FROM stories WHERE short_id = ?`, c.PathValue("story"))
	if s == nil {
		return
	}
	var parent any
	if p := c.Row(`SELECT id, user_id FROM comments WHERE short_id = ?`, c.FormValue("parent")); p != nil {
		parent = p.Int(0)
		c.Exec(`UPDATE keystores SET value = value + 1 WHERE key = ?`, counter(p.Int(1), "unread_replies"))
	}
	id := next(c, `SELECT max(id) FROM comments`)
	c.Exec(`INSERT INTO comments (id, short_id, story_id, user_id, parent_comment_id, comment, score, confidence, is_deleted, created_at)
		VALUES (?, ?, ?, ?, ?, ?, 1, ?, 0, ?)`, id, slug('c', int(id)), s.Int(0), me(c), parent, c.FormValue("comment"), confidence(1), a.clock.Now.Unix())
	c.Exec(`INSERT INTO votes (user_id, story_id, comment_id, vote) VALUES (?, ?, ?, 1)`, me(c), s.Int(0), id)
	c.Exec(`UPDATE keystores SET value = value + 1 WHERE key = ?`, counter(me(c), "comments_posted"))
	rank(c, s.Int(0), 0, 1)
}

func (a *application) submit(c *workload.Change) {
	id, now := next(c, `SELECT max(id) FROM stories`), a.clock.Now
	c.Exec(`INSERT INTO stories (id, short_id, user_id, title, url, description, score, hotness, comments_count, is_expired, created_at)
		VALUES (?, ?, ?, ?, ?, '', 1, ?, 0, 0, ?)`, id, slug('s', int(id)), me(c), c.FormValue("title"), "https://example.com/new",
		hotness(now, 1, 0), now.Unix())
	if t := c.Row(`SELECT id FROM tags WHERE tag = ?`, c.FormValue("tag")); t != nil {
		c.Exec(`INSERT INTO taggings (story_id, tag_id) VALUES (?, ?)`, id, t.Int(0))
	}
	c.Exec(`INSERT INTO votes (user_id, story_id, comment_id, vote) VALUES (?, ?, NULL, 1)`, me(c), id)
	c.Exec(`UPDATE keystores SET value = value + 1 WHERE key = ?`, counter(me(c), "stories_submitted"))
}

func (a *application) login(c *workload.Change) {
	c.Exec(`UPDATE users SET last_login_at = ? WHERE id = ?`, a.clock.Now.Unix(), me(c))
}
