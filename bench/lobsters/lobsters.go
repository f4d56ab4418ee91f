// Package lobsters is a site like lobste.rs, with the mix of requests and the
// histograms that were published for it with the load generator trawler.
//
// The site is written as a Rails application runs it: a handful of small queries
// for a page, a counter here and there kept beside what it counts. One thing is
// different: whoever is logged in and looks at a story marks its comments as
// read, which the original does while it answers. Here the page is a GET, and
// the browser sends a POST after it, as a GET that writes is not cached.
package lobsters

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/sqlite"
)

//go:embed schema.sql
var schema string

// Site is the workload.
type Site struct {
	rng      *rand.Rand
	stories  int
	users    int
	comments []comment
	scores   []int // of the stories

	member, forVote, forComment, commentForVote *workload.Popularity
}

// A comment is what the trace has to know of one.
type comment struct{ story, score int }

// How many there are at scale 1.
const (
	baseStories = 40_000
	baseUsers   = 9_000
)

var _ workload.OnPostgres = (*Site)(nil)

// New returns the site with a share of the published amounts of stories, users
// and comments.
func New(seed uint64, scale float64) *Site {
	s := &Site{
		rng:     rand.New(rand.NewPCG(seed, 1)),
		stories: max(50, int(baseStories*scale)), users: max(20, int(baseUsers*scale)),
	}
	karma := make([]int, s.users)
	for i := range karma {
		karma[i] = 1 + votesPerUser.Draw(s.rng)
	}
	s.member = workload.NewPopularity(karma)
	replies := make([]int, s.stories)
	for i := range s.stories {
		s.scores = append(s.scores, 1+votesPerStory.Draw(s.rng))
		replies[i] = commentsPerStory.Draw(s.rng)
		for range replies[i] {
			s.comments = append(s.comments, comment{i, 1 + votesPerComment.Draw(s.rng)})
		}
	}
	s.forVote, s.forComment = workload.NewPopularity(s.scores), workload.NewPopularity(replies)
	commentScores := make([]int, len(s.comments))
	for i, c := range s.comments {
		commentScores[i] = c.score
	}
	s.commentForVote = workload.NewPopularity(commentScores)
	return s
}

// Name implements workload.Workload.
func (s *Site) Name() string { return "lobsters" }

// slug is the name of a story or comment in URLs.
func slug(kind byte, id int) string { return string(kind) + strconv.FormatInt(int64(id), 36) }

func session(user int) string { return fmt.Sprintf("session-%d", user) }

// age is how much older than the trace the story with index i is.
func (s *Site) age(i int) time.Duration { return time.Duration(s.stories-i) * 20 * time.Minute }

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
	rng := rand.New(rand.NewPCG(s.rng.Uint64(), 2))
	start := workload.Epoch()
	posts, submitted := make([]int, s.users+1), make([]int, s.users+1)
	for i, name := range tagNames {
		f.Insert("tags", i+1, name, "About "+name)
	}
	at := 0 // in s.comments, which are in the order of their stories
	for i := range s.stories {
		id, author, created := i+1, s.member.Pick(rng)+1, start.Add(-s.age(i))
		count := 0
		for first := at; at < len(s.comments) && s.comments[at].story == i; at++ {
			c, who := s.comments[at], s.member.Pick(rng)+1
			var parent any
			if count > 0 && rng.IntN(2) == 0 {
				parent = first + rng.IntN(count) + 1
			}
			count++
			posts[who]++
			f.Insert("comments", at+1, slug('c', at+1), id, who, parent, text(rng, 60), c.score, confidence(c.score), 0,
				created.Add(time.Duration(count)*time.Minute).Unix())
			f.Insert("votes", nil, who, id, at+1, 1)
		}
		submitted[author]++
		f.Insert("stories", id, slug('s', id), author, text(rng, 7), fmt.Sprintf("https://example.com/%d", id), "",
			s.scores[i], hotness(created, s.scores[i], count), count, 0, nil, created.Unix())
		f.Insert("votes", nil, author, id, nil, 1)
		for range s.scores[i] - 1 {
			f.Insert("votes", nil, s.member.Pick(rng)+1, id, nil, 1)
		}
		first := rng.IntN(len(tagNames))
		f.Insert("taggings", nil, id, first+1)
		if rng.IntN(2) == 0 {
			f.Insert("taggings", nil, id, (first+1+rng.IntN(len(tagNames)-1))%len(tagNames)+1)
		}
	}
	for id := 1; id <= s.users; id++ {
		name := fmt.Sprintf("user%d", id)
		f.Insert("users", id, name, name+"@example.com", text(rng, 20), rng.IntN(1000), session(id), 1, start.AddDate(-3, 0, 0).Unix(), nil)
		f.Insert("keystores", fmt.Sprintf("user:%d:comments_posted", id), posts[id])
		f.Insert("keystores", fmt.Sprintf("user:%d:stories_submitted", id), submitted[id])
		f.Insert("keystores", fmt.Sprintf("user:%d:unread_replies", id), 0)
		if rng.IntN(5) == 0 {
			f.Insert("hidden_stories", nil, id, s.stories-rng.IntN(min(s.stories, 100)))
			f.Insert("saved_stories", nil, id, s.stories-rng.IntN(min(s.stories, 100)))
			f.Insert("tag_filters", nil, id, 1+rng.IntN(len(tagNames)))
		}
	}
}

// text returns n words.
func text(rng *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = tagNames[rng.IntN(len(tagNames))]
	}
	return strings.Join(words, " ")
}

// hotness orders the front page: the lowest comes first. New stories are hotter
// than old ones, by a day for every ten votes more.
func hotness(created time.Time, score, comments int) float64 {
	points := float64(score) + float64(comments)/2
	order := math.Log10(math.Max(math.Abs(points)+1, 1))
	if points < 0 {
		order = -order
	}
	return -math.Round((order+float64(created.Unix())/86_400)*1e7) / 1e7
}

// confidence orders comments: the highest comes first.
func confidence(score int) float64 {
	n := float64(max(score, 0)) + 1
	return math.Round(n/(n+3)*1e7) / 1e7
}

// Application implements workload.Workload.
func (s *Site) Application(clock *workload.Clock) workload.Application {
	return &application{clock: clock}
}

// application is the site's code.
type application struct {
	clock *workload.Clock
	on    workload.Querier
	cache *unstale.Cache
}

// Options implements workload.Application.
func (a *application) Options() unstale.Options { return unstale.Options{} }

// identity returns the id of the user whose session it is.
func (a *application) identity(r *http.Request) (string, error) {
	token := workload.Session(r)
	if token == "" {
		return "", nil
	}
	return unstale.Load(r.Context(), a.cache, "session:"+unstale.Escape(token), func(ctx context.Context) (string, error) {
		list, err := workload.Collect(ctx, a.on, `SELECT id FROM users WHERE session_token = ?`, token)
		if err != nil || len(list) == 0 {
			return "", err
		}
		return strconv.FormatInt(list[0].Int(0), 10), nil
	})
}

// Serve implements workload.Application.
func (a *application) Serve(_ context.Context, db *sql.DB, _ string, c *unstale.Cache) (http.Handler, error) {
	a.on, a.cache = workload.On(db), c
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", workload.Show(db, a.frontPage))
	mux.HandleFunc("GET /recent", workload.Show(db, a.recent))
	mux.HandleFunc("GET /comments", workload.Show(db, a.comments))
	mux.HandleFunc("GET /u/{name}", workload.Show(db, a.user))
	mux.HandleFunc("GET /s/{story}", workload.Show(db, a.story))
	mux.HandleFunc("POST /s/{story}/ribbon", workload.Write(db, a.markRead))
	mux.HandleFunc("POST /s/{story}/vote", workload.Write(db, a.voteStory))
	mux.HandleFunc("POST /s/{story}/comments", workload.Write(db, a.reply))
	mux.HandleFunc("POST /c/{comment}/vote", workload.Write(db, a.voteComment))
	mux.HandleFunc("POST /stories", workload.Write(db, a.submit))
	mux.HandleFunc("POST /login", workload.Write(db, a.login))
	cached, err := c.Middleware(unstale.HandlerOptions{
		Identity: a.identity, Policies: map[string]unstale.Policy{"": {Shared: true}},
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
