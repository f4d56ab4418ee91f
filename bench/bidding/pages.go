package bidding

import (
	"strconv"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

const perPage = 25

// now returns the minute that has begun, and says that the page ends with it.
func (a *application) now(p *workload.Page) int64 {
	minute := a.clock.Now.Truncate(time.Minute)
	a.clock.ExpireAt(p.Context(), minute.Add(time.Minute))
	return minute.Unix()
}

// number returns a parameter as a number, 0 if it is none.
func number(p *workload.Page, name string) int64 {
	n, _ := strconv.ParseInt(p.Value(name), 10, 64)
	return n
}

func (a *application) categories(p *workload.Page) {
	p.Printf("<h1>Categories</h1>\n")
	for _, c := range p.Rows(`SELECT id, name FROM categories ORDER BY name, id`) {
		p.Printf("<p><a href=/search?category=%d>%s</a></p>\n", c.Int(0), c.Text(1))
	}
}

func (a *application) regions(p *workload.Page) {
	p.Printf("<h1>Regions</h1>\n")
	for _, r := range p.Rows(`SELECT id, name FROM regions ORDER BY name, id`) {
		p.Printf("<p><a href=/categories?region=%d>%s</a></p>\n", r.Int(0), r.Text(1))
	}
}

func (a *application) search(p *workload.Page) {
	category, region, skip := number(p, "category"), number(p, "region"), number(p, "page")*perPage
	now := a.now(p)
	var items []workload.Row
	if region == 0 {
		items = p.Rows(`SELECT id, name, initial_price, max_bid, nb_of_bids, end_date, category FROM items
			WHERE category = ? AND end_date >= ? ORDER BY end_date, id LIMIT ? OFFSET ?`, category, now, perPage, skip)
	} else {
		items = p.Rows(`SELECT items.id, items.name, items.initial_price, items.max_bid, items.nb_of_bids, items.end_date, items.category, items.seller, users.id, users.region
			FROM items JOIN users ON users.id = items.seller
			WHERE items.category = ? AND users.region = ? AND items.end_date >= ? ORDER BY items.end_date, items.id LIMIT ? OFFSET ?`,
			category, region, now, perPage, skip)
	}
	p.Printf("<h1>Items</h1>\n")
	for _, i := range items {
		p.Printf("<p><a href=/items/%d>%s</a> from %.2f, now %.2f, %d bids, ends %d</p>\n", i.Int(0), i.Text(1), i.Float(2), i.Float(3), i.Int(4), i.Int(5))
	}
}

func (a *application) item(p *workload.Page) {
	i := p.Row(`SELECT id, name, description, initial_price, quantity, reserve_price, buy_now, nb_of_bids, max_bid, start_date, end_date, seller
		FROM items WHERE id = ?`, number(p, "item"))
	if i == nil {
		p.NotFound()
		return
	}
	p.Printf("<h1>%s</h1><p>%s</p><p>from %.2f, reserve %.2f, buy now %.2f, %d pieces</p>\n", i.Text(1), i.Text(2), i.Float(3), i.Float(5), i.Float(6), i.Int(4))
	p.Printf("<p>%d bids, now %.2f, from %d to %d</p>\n", i.Int(7), i.Float(8), i.Int(9), i.Int(10))
	if s := p.Row(`SELECT id, nickname FROM users WHERE id = ?`, i.Int(11)); s != nil {
		p.Printf("<p>sold by <a href=/users/%d>%s</a></p>\n", s.Int(0), s.Text(1))
	}
}

func (a *application) bidHistory(p *workload.Page) {
	i := p.Row(`SELECT name FROM items WHERE id = ?`, number(p, "item"))
	if i == nil {
		p.NotFound()
		return
	}
	p.Printf("<h1>Bids on %s</h1>\n", i.Text(0))
	for _, b := range p.Rows(`SELECT bids.id, bids.user_id, bids.bid, bids.date, bids.item_id, users.id, users.nickname FROM bids JOIN users ON users.id = bids.user_id
		WHERE bids.item_id = ? ORDER BY bids.date DESC, bids.id DESC`, number(p, "item")) {
		p.Printf("<p>%.2f by <a href=/users/%d>%s</a> at %d</p>\n", b.Float(2), b.Int(1), b.Text(6), b.Int(3))
	}
}

func (a *application) putBid(p *workload.Page) {
	me, _ := strconv.ParseInt(unstale.Identity(p.Context()), 10, 64)
	i := p.Row(`SELECT name, initial_price, quantity, max_bid, nb_of_bids FROM items WHERE id = ?`, number(p, "item"))
	if i == nil {
		p.NotFound()
		return
	}
	p.Printf("<h1>Bid on %s</h1><p>from %.2f, %d pieces, now %.2f, %d bids</p>\n", i.Text(0), i.Float(1), i.Int(2), i.Float(3), i.Int(4))
	if b := p.Row(`SELECT max(max_bid) FROM bids WHERE user_id = ? AND item_id = ?`, me, number(p, "item")); b != nil {
		p.Printf("<p>your bid: %.2f</p>\n", b.Float(0))
	}
}

func (a *application) user(p *workload.Page) {
	u := p.Row(`SELECT id, nickname, rating, creation_date, region FROM users WHERE id = ?`, number(p, "user"))
	if u == nil {
		p.NotFound()
		return
	}
	p.Printf("<h1>%s</h1><p>rating %d, since %d</p>\n", u.Text(1), u.Int(2), u.Int(3))
	a.commentsOn(p, u.Int(0))
}

func (a *application) commentsOn(p *workload.Page, user int64) {
	for _, c := range p.Rows(`SELECT comments.id, comments.from_user_id, comments.to_user_id, comments.rating, comments.date, comments.comment, users.id, users.nickname
		FROM comments JOIN users ON users.id = comments.from_user_id WHERE comments.to_user_id = ? ORDER BY comments.date DESC, comments.id DESC`, user) {
		p.Printf("<p>%s at %d: %d %s</p>\n", c.Text(7), c.Int(4), c.Int(3), c.Text(5))
	}
}

func (a *application) aboutMe(p *workload.Page) {
	me, _ := strconv.ParseInt(unstale.Identity(p.Context()), 10, 64)
	u := p.Row(`SELECT nickname, rating, balance FROM users WHERE id = ?`, me)
	if u == nil {
		p.NotFound()
		return
	}
	now := a.now(p)
	p.Printf("<h1>%s</h1><p>rating %d, balance %.2f</p><h2>Bids</h2>\n", u.Text(0), u.Int(1), u.Float(2))
	for _, b := range p.Rows(`SELECT items.id, items.name, items.max_bid, items.nb_of_bids, items.end_date, max(bids.max_bid)
		FROM bids JOIN items ON items.id = bids.item_id WHERE bids.user_id = ? AND items.end_date >= ?
		GROUP BY items.id, items.name, items.max_bid, items.nb_of_bids, items.end_date ORDER BY items.end_date, items.id`, me, now) {
		p.Printf("<p>%s: mine %.2f, now %.2f, %d bids, ends %d</p>\n", b.Text(1), b.Float(5), b.Float(2), b.Int(3), b.Int(4))
	}
	p.Printf("<h2>Selling</h2>\n")
	for _, i := range p.Rows(`SELECT id, name, max_bid, nb_of_bids, end_date, seller FROM items WHERE seller = ? AND end_date >= ? ORDER BY end_date, id`, me, now) {
		p.Printf("<p>%s: now %.2f, %d bids, ends %d</p>\n", i.Text(1), i.Float(2), i.Int(3), i.Int(4))
	}
	p.Printf("<h2>Bought</h2>\n")
	for _, b := range p.Rows(`SELECT buy_now.id, buy_now.buyer_id, buy_now.item_id, buy_now.qty, buy_now.date, items.id, items.name
		FROM buy_now JOIN items ON items.id = buy_now.item_id WHERE buy_now.buyer_id = ? ORDER BY buy_now.date DESC, buy_now.id DESC LIMIT 20`, me) {
		p.Printf("<p>%d of %s at %d</p>\n", b.Int(3), b.Text(6), b.Int(4))
	}
	p.Printf("<h2>Comments</h2>\n")
	a.commentsOn(p, me)
}
