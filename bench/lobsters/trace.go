package lobsters

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"

	"github.com/unstale/unstale/bench/workload"
)

// The histograms of lobste.rs, as published with trawler; the long tails are cut
// off.
var (
	votesPerStory = workload.Histogram{Width: 10, Buckets: []workload.Bucket{
		{From: 0, Count: 16724}, {From: 10, Count: 16393}, {From: 20, Count: 4601}, {From: 30, Count: 1707}, {From: 40, Count: 680},
		{From: 50, Count: 281}, {From: 60, Count: 128}, {From: 70, Count: 60}, {From: 80, Count: 35}, {From: 90, Count: 16},
		{From: 100, Count: 4}, {From: 110, Count: 4}, {From: 120, Count: 10}, {From: 140, Count: 3}, {From: 210, Count: 2}, {From: 290, Count: 1},
	}}
	commentsPerStory = workload.Histogram{Width: 10, Buckets: []workload.Bucket{
		{From: 0, Count: 33974}, {From: 10, Count: 4831}, {From: 20, Count: 1029}, {From: 30, Count: 401}, {From: 40, Count: 193},
		{From: 50, Count: 103}, {From: 60, Count: 50}, {From: 70, Count: 24}, {From: 80, Count: 18}, {From: 90, Count: 10},
		{From: 100, Count: 5}, {From: 120, Count: 5}, {From: 130, Count: 3}, {From: 150, Count: 2}, {From: 170, Count: 1},
	}}
	votesPerUser = workload.Histogram{Width: 100, Buckets: []workload.Bucket{
		{From: 0, Count: 4439}, {From: 100, Count: 562}, {From: 200, Count: 206}, {From: 300, Count: 131}, {From: 400, Count: 92},
		{From: 500, Count: 45}, {From: 600, Count: 28}, {From: 700, Count: 31}, {From: 800, Count: 29}, {From: 900, Count: 32},
		{From: 1000, Count: 75}, {From: 1500, Count: 40}, {From: 2000, Count: 28}, {From: 3000, Count: 16}, {From: 4000, Count: 17},
		{From: 5000, Count: 8}, {From: 6000, Count: 5}, {From: 8000, Count: 4}, {From: 10000, Count: 2}, {From: 14000, Count: 3},
	}}
	// Ours: what was published for comments is much like that for stories, with
	// a tenth of the votes.
	votesPerComment = workload.Histogram{Width: 2, Buckets: []workload.Bucket{
		{From: 0, Count: 60}, {From: 2, Count: 25}, {From: 4, Count: 9}, {From: 8, Count: 4}, {From: 16, Count: 2},
	}}
)

// mix is that of lobste.rs in percent, as published with trawler.
var mix = workload.NewMix([]workload.Share{
	{Page: "story", Percent: 55.842}, {Page: "front page", Percent: 30.105}, {Page: "user", Percent: 6.702},
	{Page: "comments", Percent: 4.674}, {Page: "recent", Percent: 0.967}, {Page: "comment upvote", Percent: 0.630},
	{Page: "story upvote", Percent: 0.475}, {Page: "comment", Percent: 0.316}, {Page: "login", Percent: 0.087},
	{Page: "reply", Percent: 0.071}, {Page: "comment downvote", Percent: 0.054}, {Page: "submit", Percent: 0.053},
	{Page: "story downvote", Percent: 0.021},
})

var tagNames = [...]string{
	"ai", "android", "api", "apl", "art", "assembly", "ask", "book", "browsers", "c", "cogsci", "compilers", "compsci", "cryptography",
	"css", "culture", "databases", "debugging", "design", "devops", "distributed", "dotnet", "elixir", "email", "erlang", "event",
	"fortran", "freebsd", "games", "go", "graphics", "hardware", "haskell", "historical", "ios", "java", "javascript", "job", "law",
	"linux", "lisp", "lua", "mac", "math", "ml", "mobile", "networking", "nix", "nodejs", "openbsd", "pdf", "performance", "perl", "philosophy",
	"php", "practices", "privacy", "programming", "python", "rant", "release", "reversing", "ruby", "rust", "satire", "scala", "scaling",
	"science", "security", "show", "swift", "systemd", "testing", "transcript", "unix", "vcs", "video", "vim", "visualization", "web", "windows",
}

// Trace implements workload.Workload. The view of a story by somebody who is
// logged in is followed by the request that marks it as read, which counts
// towards n but not in the mix.
func (s *Site) Trace(n int) []workload.Request {
	rng := rand.New(rand.NewPCG(s.rng.Uint64(), 3))
	trace := make([]workload.Request, 0, n+1)
	for len(trace) < n {
		who := s.member.Pick(rng) + 1
		reader := ""
		if rng.IntN(2) == 0 { // half of those who read are logged in
			reader = session(who)
		}
		story := "/s/" + slug('s', s.forVote.Pick(rng)+1)
		page := mix.Pick(rng)
		switch page {
		case "story":
			trace = append(trace, workload.Get(page, story, reader))
			if reader != "" {
				trace = append(trace, workload.Post("ribbon", story+"/ribbon", reader, nil))
			}
		case "front page":
			trace = append(trace, workload.Get(page, "/", reader))
		case "user":
			trace = append(trace, workload.Get(page, fmt.Sprintf("/u/user%d", s.member.Pick(rng)+1), reader))
		case "comments", "recent":
			trace = append(trace, workload.Get(page, "/"+page, reader))
		default:
			trace = append(trace, s.write(rng, page, who, story))
		}
	}
	return trace[:n]
}

func (s *Site) write(rng *rand.Rand, page string, who int, story string) workload.Request {
	form := url.Values{}
	path := "/login"
	switch page {
	case "story upvote", "story downvote":
		path = story + "/vote"
	case "comment upvote", "comment downvote":
		path = "/c/" + slug('c', s.commentForVote.Pick(rng)+1) + "/vote"
	case "comment", "reply":
		path = "/s/" + slug('s', s.forComment.Pick(rng)+1) + "/comments"
		if page == "reply" {
			parent := s.commentForVote.Pick(rng)
			path = "/s/" + slug('s', s.comments[parent].story+1) + "/comments"
			form.Set("parent", slug('c', parent+1))
		}
		form.Set("comment", text(rng, 60))
	case "submit":
		path = "/stories"
		form.Set("title", text(rng, 7))
		form.Set("tag", tagNames[rng.IntN(len(tagNames))])
	}
	switch page {
	case "story upvote", "comment upvote":
		form.Set("vote", "1")
	case "story downvote", "comment downvote":
		form.Set("vote", strconv.Itoa(-1))
	}
	return workload.Post(page, path, session(who), form)
}
