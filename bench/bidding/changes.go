package bidding

import (
	"strconv"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

// me returns the id of who asks.
func me(c *workload.Change) int64 {
	id, _ := strconv.ParseInt(unstale.Identity(c.Context()), 10, 64)
	return id
}

func (a *application) bid(c *workload.Change) {
	i := c.Row(`SELECT id, max_bid FROM items WHERE id = ?`, c.PathValue("item"))
	if i == nil {
		return
	}
	raise, _ := strconv.ParseFloat(c.FormValue("raise"), 64)
	amount := i.Float(1) + raise
	c.Exec(`INSERT INTO bids (user_id, item_id, qty, bid, max_bid, date) VALUES (?, ?, 1, ?, ?, ?)`, me(c), i.Int(0), amount, amount, a.clock.Now.Unix())
	c.Exec(`UPDATE items SET max_bid = ?, nb_of_bids = nb_of_bids + 1 WHERE id = ?`, amount, i.Int(0))
}

// buyNow buys a piece. The auction of an item ends with its last one.
func (a *application) buyNow(c *workload.Change) {
	i := c.Row(`SELECT id, quantity FROM items WHERE id = ?`, c.PathValue("item"))
	if i == nil || i.Int(1) == 0 {
		return
	}
	now := a.clock.Now.Unix()
	c.Exec(`UPDATE items SET quantity = quantity - 1 WHERE id = ?`, i.Int(0))
	if i.Int(1) == 1 {
		c.Exec(`UPDATE items SET end_date = ? WHERE id = ?`, now, i.Int(0))
	}
	c.Exec(`INSERT INTO buy_now (buyer_id, item_id, qty, date) VALUES (?, ?, 1, ?)`, me(c), i.Int(0), now)
}

func (a *application) comment(c *workload.Change) {
	u := c.Row(`SELECT id FROM users WHERE id = ?`, c.PathValue("user"))
	if u == nil {
		return
	}
	rating, _ := strconv.Atoi(c.FormValue("rating"))
	c.Exec(`UPDATE users SET rating = rating + ? WHERE id = ?`, rating, u.Int(0))
	c.Exec(`INSERT INTO comments (from_user_id, to_user_id, item_id, rating, date, comment) VALUES (?, ?, ?, ?, ?, 'A new comment.')`,
		me(c), u.Int(0), c.FormValue("item"), rating, a.clock.Now.Unix())
}

func (a *application) registerItem(c *workload.Change) {
	now := a.clock.Now
	c.Exec(`INSERT INTO items (name, description, initial_price, quantity, reserve_price, buy_now, nb_of_bids, max_bid, start_date, end_date, seller, category)
		VALUES (?, 'What is to be said about a new item.', 10, 1, 10, 20, 0, 10, ?, ?, ?, ?)`,
		c.FormValue("name"), now.Unix(), now.AddDate(0, 0, 7).Unix(), me(c), c.FormValue("category"))
}

func (a *application) registerUser(c *workload.Change) {
	name := c.FormValue("nickname")
	c.Exec(`INSERT INTO users (firstname, lastname, nickname, password, email, rating, balance, creation_date, region) VALUES ('New', ?, ?, 'password', ?, 0, 0, ?, ?)`,
		name, name, name+"@example.com", a.clock.Now.Unix(), c.FormValue("region"))
}
