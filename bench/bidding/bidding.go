// Package bidding is an auction site like RUBiS: its tables and its pages, with
// a mix in which 15 of 100 requests write.
//
// Lists leave out what has ended. They are asked for as of the minute that has
// begun, and end with it, so that a list is true for as long as it is kept and
// yet may be kept.
package bidding

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/sqlite"
)

//go:embed schema.sql
var schema string

// Site is the workload.
type Site struct {
	rng   *rand.Rand
	items int
	users int

	item *workload.Popularity
	user *workload.Popularity
}

// How many there are of what at scale 1. RUBiS has 33,000 items on sale.
const (
	baseItems  = 33_000
	baseUsers  = 33_000
	categories = 20
	regions    = 62
)

var _ workload.OnPostgres = (*Site)(nil)

// New returns the site with a share of the usual number of items and users.
func New(seed uint64, scale float64) *Site {
	s := &Site{rng: rand.New(rand.NewPCG(seed, 4)), items: max(100, int(baseItems*scale)), users: max(50, int(baseUsers*scale))}
	s.item, s.user = skewed(s.rng, s.items), skewed(s.rng, s.users)
	return s
}

// skewed returns a popularity by Zipf's law, the most popular anywhere.
func skewed(rng *rand.Rand, n int) *workload.Popularity {
	weights := make([]int, n)
	for rank, i := range rng.Perm(n) {
		weights[i] = max(1, 1_000_000/(rank+1))
	}
	return workload.NewPopularity(weights)
}

// Name implements workload.Workload.
func (s *Site) Name() string { return "bidding" }

// Fill implements workload.Workload.
func (s *Site) Fill(ctx context.Context, path string) error {
	db, err := sqlite.Open(path+"?_pragma=foreign_keys(0)", nil) // in no order
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what was committed is there
	return workload.Fill(ctx, db, schema, s.fill)
}

// FillPostgres implements workload.OnPostgres.
func (s *Site) FillPostgres(ctx context.Context, dsn, _ string) error {
	return workload.FillPostgres(ctx, dsn, schema, s.fill)
}

func (s *Site) fill(f *workload.Filler) {
	rng := rand.New(rand.NewPCG(s.rng.Uint64(), 5))
	now := workload.Epoch()
	for i := 1; i <= categories; i++ {
		f.Insert("categories", i, fmt.Sprintf("Category %02d", i))
	}
	for i := 1; i <= regions; i++ {
		f.Insert("regions", i, fmt.Sprintf("Region %02d", i))
	}
	for id := 1; id <= s.users; id++ {
		name := fmt.Sprintf("user%d", id)
		f.Insert("users", id, "Great", name, name, "password", name+"@example.com", rng.IntN(50), 0, now.AddDate(-1, 0, -id%300).Unix(), 1+rng.IntN(regions))
	}
	const week = 7 * 24 * 60
	for id := 1; id <= s.items; id++ {
		bids, price := rng.IntN(10), float64(1+rng.IntN(1000))
		// Some have ended lately; an item or two ends in every minute of the trace.
		end := now.Add(time.Duration(rng.IntN(week+week/7)-week/7) * time.Minute)
		start := end.AddDate(0, 0, -7)
		f.Insert("items", id, fmt.Sprintf("Item %d", id), fmt.Sprintf("What is to be said about item %d.", id), price, 1+rng.IntN(3), price, 2*price,
			bids, price+float64(bids), start.Unix(), end.Unix(), 1+rng.IntN(s.users), 1+rng.IntN(categories))
		for n := 1; n <= bids; n++ {
			f.Insert("bids", nil, s.user.Pick(rng)+1, id, 1, price+float64(n), price+float64(n), start.Add(time.Duration(n)*time.Hour).Unix())
		}
	}
	for range s.users * 2 {
		f.Insert("comments", nil, s.user.Pick(rng)+1, s.user.Pick(rng)+1, s.item.Pick(rng)+1, rng.IntN(11)-5, now.AddDate(0, 0, -rng.IntN(100)).Unix(), "A comment.")
	}
	for range s.users / 4 {
		f.Insert("buy_now", nil, s.user.Pick(rng)+1, s.item.Pick(rng)+1, 1, now.AddDate(0, 0, -rng.IntN(60)).Unix())
	}
}

// mix is ours, after the bidding mix of RUBiS: 85 percent read.
var mix = workload.NewMix([]workload.Share{
	{Page: "categories", Percent: 7}, {Page: "regions", Percent: 3}, {Page: "category", Percent: 27}, {Page: "region", Percent: 8},
	{Page: "item", Percent: 22}, {Page: "bid history", Percent: 3}, {Page: "user", Percent: 5}, {Page: "about me", Percent: 4},
	{Page: "put bid", Percent: 6},
	{Page: "bid", Percent: 9}, {Page: "buy now", Percent: 1.5}, {Page: "comment", Percent: 2}, {Page: "register item", Percent: 1.5}, {Page: "register user", Percent: 1},
})

// Trace implements workload.Workload.
func (s *Site) Trace(n int) []workload.Request {
	rng := rand.New(rand.NewPCG(s.rng.Uint64(), 6))
	first := skewed(rng, categories)
	trace := make([]workload.Request, n)
	for i := range trace {
		page, me := mix.Pick(rng), session(s.user.Pick(rng)+1)
		item, user := fmt.Sprintf("/items/%d", s.item.Pick(rng)+1), fmt.Sprintf("/users/%d", s.user.Pick(rng)+1)
		list := url.Values{"category": {strconv.Itoa(first.Pick(rng) + 1)}, "page": {strconv.Itoa(leaf(rng))}}
		switch page {
		case "categories", "regions":
			trace[i] = workload.Get(page, "/"+page, "")
		case "category":
			trace[i] = workload.Get(page, "/search?"+list.Encode(), "")
		case "region":
			list.Set("region", strconv.Itoa(1+rng.IntN(regions)))
			trace[i] = workload.Get(page, "/search?"+list.Encode(), "")
		case "item":
			trace[i] = workload.Get(page, item, "")
		case "bid history":
			trace[i] = workload.Get(page, item+"/bids", "")
		case "user":
			trace[i] = workload.Get(page, user, "")
		case "about me":
			trace[i] = workload.Get(page, "/me", me)
		case "put bid":
			trace[i] = workload.Get(page, item+"/bid", me)
		case "bid":
			trace[i] = workload.Post(page, item+"/bids", me, url.Values{"raise": {strconv.Itoa(1 + rng.IntN(10))}})
		case "buy now":
			trace[i] = workload.Post(page, item+"/sales", me, nil)
		case "comment":
			trace[i] = workload.Post(page, user+"/comments", me, url.Values{"rating": {strconv.Itoa(rng.IntN(11) - 5)}, "item": {strconv.Itoa(s.item.Pick(rng) + 1)}})
		case "register item":
			trace[i] = workload.Post(page, "/items", me, url.Values{"category": list["category"], "name": {fmt.Sprintf("New item %d", i)}})
		case "register user":
			trace[i] = workload.Post(page, "/users", "", url.Values{"nickname": {fmt.Sprintf("new%d", i)}, "region": {strconv.Itoa(1 + rng.IntN(regions))}})
		}
	}
	return trace
}

// leaf returns the page of a list: three in four look at the first, few at the
// others.
func leaf(rng *rand.Rand) int {
	page := 0
	for page < 4 && rng.IntN(4) == 0 {
		page++
	}
	return page
}

func session(user int) string { return strconv.Itoa(user) }

// Application implements workload.Workload.
func (s *Site) Application(clock *workload.Clock) workload.Application {
	return &application{clock: clock}
}

// application is the site's code.
type application struct {
	clock *workload.Clock
}

// Options implements workload.Application. Who a session belongs to is in the
// session itself.
func (a *application) Options() unstale.Options {
	return unstale.Options{}
}

// Serve implements workload.Application.
func (a *application) Serve(_ context.Context, db *sql.DB, _ string, c *unstale.Cache) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /categories", workload.Show(db, a.categories))
	mux.HandleFunc("GET /regions", workload.Show(db, a.regions))
	mux.HandleFunc("GET /search", workload.Show(db, a.search))
	mux.HandleFunc("GET /items/{item}", workload.Show(db, a.item))
	mux.HandleFunc("GET /items/{item}/bids", workload.Show(db, a.bidHistory))
	mux.HandleFunc("GET /items/{item}/bid", workload.Show(db, a.putBid))
	mux.HandleFunc("GET /users/{user}", workload.Show(db, a.user))
	mux.HandleFunc("GET /me", workload.Show(db, a.aboutMe))
	mux.HandleFunc("POST /items", workload.Write(db, a.registerItem))
	mux.HandleFunc("POST /items/{item}/bids", workload.Write(db, a.bid))
	mux.HandleFunc("POST /items/{item}/sales", workload.Write(db, a.buyNow))
	mux.HandleFunc("POST /users", workload.Write(db, a.registerUser))
	mux.HandleFunc("POST /users/{user}/comments", workload.Write(db, a.comment))
	cached, err := c.Middleware(unstale.HandlerOptions{
		Identity: func(r *http.Request) (string, error) { return workload.Session(r), nil },
		Policies: map[string]unstale.Policy{"": {Shared: true}},
	})
	if err != nil {
		return nil, err
	}
	return cached(mux), nil
}

// ServePostgres implements workload.ApplicationOnPostgres.
func (a *application) ServePostgres(ctx context.Context, dsn, _ string, c *unstale.Cache) (http.Handler, func() error, error) {
	db, err := workload.OpenPostgres(dsn, c)
	if err != nil {
		return nil, nil, err
	}
	h, err := a.Serve(ctx, db, "", c)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return h, db.Close, nil
}
