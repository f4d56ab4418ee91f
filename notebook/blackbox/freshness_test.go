package blackbox_test

import (
	"bytes"
	"net/http"
	"slices"
	"testing"
)

// A world is a site with something of everything on it. Its cards are items of
// the site's kind, others those of the other kind.
type world struct {
	*site
	cards
	others cards
}

// cards are alice's, but for mine, which is bob's.
type cards struct{ public, private, pending, rejected, mine card }

// populated is the template of a world, theCards what is on it.
var (
	populated template
	theCards  = map[string]cards{}
)

// newWorld makes a world about persona cards.
func newWorld(t *testing.T) *world { return newWorldOf(t, "persona") }

func newWorldOf(t *testing.T, kind string) *world {
	s := populated.site(t, true, func(s *site) {
		people(s)
		for _, kind := range bothKinds {
			s.kind = kind
			made := cards{
				public: s.newPublic("alice", "public"), private: s.newCard("alice", "private"), pending: s.newPending("alice", "pending"),
				rejected: s.newRejected("alice", "rejected"), mine: s.newPublic("bob", "mine"),
			}
			for _, name := range []string{"moderator", "admin"} {
				s.as(name).post(s.item(made.public.ID)+"/star", nil).want(http.StatusOK)
			}
			s.as("bob").post(s.item(made.mine.ID)+"/star", nil).want(http.StatusOK)
			theCards[kind] = made
		}
	})
	s.kind = kind
	return &world{s, theCards[kind], theCards[map[string]string{"persona": "knowledge", "knowledge": "persona"}[kind]]}
}

// worlds runs a test in a world of each kind.
func worlds(t *testing.T, test func(w *world)) {
	t.Helper()
	for _, kind := range bothKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(newWorldOf(t, kind))
		})
	}
}

func (w *world) file(c card) string { return w.detail("root", c.ID).Files[0].FileID }

// A read is a GET and who sends it.
type read struct{ as, path string }

// reads returns every GET of the world by a name. The paths are what they were
// when the world was made: what is deleted later stays in the list.
func (w *world) reads() map[string]read {
	alice := w.path("user/") + w.ids["alice"]
	all := map[string]read{
		"public list":             {"", w.path("public")},
		"public list, by stars":   {"", w.path("public?sort_by=star_count&sort_order=desc")},
		"public list, name p":     {"", w.path("public?name=p")},
		"public list of alice":    {"", w.path("public?uploader_id=alice")},
		"public list of bob":      {"bob", w.path("public?uploader_id=") + w.ids["bob"]},
		"public list, page 2":     {"", w.path("public?page=2&page_size=1&sort_order=asc")},
		"public":                  {"", w.item(w.public.ID)},
		"public, as alice":        {"alice", w.item(w.public.ID)},
		"mine":                    {"", w.item(w.mine.ID)},
		"private":                 {"alice", w.item(w.private.ID)},
		"private, as moderator":   {"moderator", w.item(w.private.ID)},
		"pending":                 {"alice", w.item(w.pending.ID)},
		"rejected":                {"alice", w.item(w.rejected.ID)},
		"alice's":                 {"alice", alice},
		"alice's, as moderator":   {"moderator", alice + "?sort_by=name&sort_order=asc"},
		"alice's pending":         {"alice", alice + "?status=pending"},
		"alice's approved":        {"alice", alice + "?status=approved"},
		"alice's rejected":        {"alice", alice + "?status=rejected"},
		"alice's, tag new":        {"alice", alice + "?tag=new"},
		"alice's, by downloads":   {"alice", alice + "?sort_by=downloads&sort_order=desc"},
		"bob's":                   {"bob", w.path("user/") + w.ids["bob"]},
		"starred, bob":            {"bob", w.item(w.public.ID) + "/starred"},
		"starred, moderator":      {"moderator", w.item(w.public.ID) + "/starred"},
		"stars, bob":              {"bob", "/api/users/stars"},
		"stars, bob, details":     {"bob", "/api/user/stars?include_details=true&sort_by=star_count"},
		"stars, moderator":        {"moderator", "/api/users/stars"},
		"stars, alice":            {"alice", "/api/users/stars"},
		"review list":             {"moderator", w.review("pending")},
		"review list, as admin":   {"admin", w.review("pending?name=p")},
		"me, alice":               {"alice", "/api/users/me"},
		"me, bob":                 {"bob", "/api/users/me"},
		"file, private":           {"alice", w.item(w.private.ID) + "/file/" + w.file(w.private)},
		"file, public, as bob":    {"bob", w.item(w.public.ID) + "/file/" + w.file(w.public)},
		"file, public, as alice":  {"alice", w.item(w.public.ID) + "/file/" + w.file(w.public)},
		"starred, private, alice": {"alice", w.item(w.private.ID) + "/starred"},
	}
	for name, path := range map[string]string{
		"history": "upload-history", "uploads": "upload-stats", "dashboard": "dashboard-stats", "trends": "dashboard-trends?days=7",
	} {
		for _, as := range []string{"alice", "bob"} {
			all[name+", "+as] = read{as, "/api/users/me/" + path}
		}
	}
	other := &site{kind: "persona"}
	if w.kind == other.kind {
		other.kind = "knowledge"
	}
	all["public list of the other kind"] = read{"", other.path("public")}
	all["public of the other kind"] = read{"", other.item(w.others.public.ID)}
	all["alice's of the other kind"] = read{"alice", other.path("user/" + w.ids["alice"])}
	all["starred of the other kind, moderator"] = read{"moderator", other.item(w.others.public.ID) + "/starred"}
	all["starred under the wrong kind, moderator"] = read{"moderator", other.item(w.public.ID) + "/starred"}
	return all
}

// ask sends a read to a site.
func (r read) ask(s *site) answer {
	s.Helper()
	if r.as == "" {
		return s.nobody().once(r.path)
	}
	return s.as(r.as).once(r.path)
}

// same reports whether two answers say the same; an error's body holds the time
// and the number of its request.
func same(a, b answer) bool {
	return a.status == b.status && (a.status != http.StatusOK || bytes.Equal(a.body, b.body))
}

// A write changes the world. shows are the reads whose answers it changes.
type write struct {
	name  string
	do    func(w *world)
	shows []string
}

var (
	lists       = []string{"public list", "public list, by stars", "public list, name p", "public list of alice"}
	ofAlice     = []string{"alice's", "alice's, as moderator", "alice's, by downloads"}
	thePublic   = []string{"public", "public, as alice", "alice's approved"}
	thePrivate  = []string{"private", "private, as moderator"}
	reviewLists = []string{"review list", "review list, as admin"}
	uploads     = []string{"history, alice", "uploads, alice"}
	popular     = []string{"dashboard, alice", "trends, alice"}
)

// tables holds the name of the table of each kind.
var tables = map[string]string{"persona": "persona_cards", "knowledge": "knowledge_bases"}

var writes = []write{
	{"upload", func(w *world) { w.newCard("alice", "another") }, slices.Concat(ofAlice, uploads, []string{"dashboard, alice"})},
	{"upload for review", func(w *world) { w.newPending("alice", "p-another") },
		slices.Concat(ofAlice, reviewLists, uploads, []string{"alice's pending"})},
	{"update a private card", func(w *world) {
		w.as("alice").put(w.item(w.private.ID), map[string]any{"description": "changed", "tags": "new"}).want(http.StatusOK)
	}, slices.Concat(ofAlice, thePrivate, []string{"alice's, tag new"})},
	{"update a public card", func(w *world) {
		w.as("alice").put(w.item(w.public.ID), map[string]any{"content": "changed"}).want(http.StatusOK)
	}, slices.Concat(ofAlice, thePublic, lists)},
	{"ask for review", func(w *world) {
		w.as("alice").put(w.item(w.private.ID), map[string]any{"is_pending": true}).want(http.StatusOK)
	}, slices.Concat(ofAlice, thePrivate, reviewLists, uploads, []string{"alice's pending"})},
	{"publish directly", func(w *world) {
		w.as("moderator").put(w.item(w.private.ID), map[string]any{"is_public": true}).want(http.StatusOK)
	}, slices.Concat(ofAlice, thePrivate, lists, []string{"alice's approved", "public list, page 2"})},
	{"delete a public card", func(w *world) { w.as("alice").del(w.item(w.public.ID)).want(http.StatusOK) },
		slices.Concat(ofAlice, thePublic, lists, popular, []string{"history, alice", "public list, page 2", "starred, moderator", "stars, moderator", "file, public, as bob", "file, public, as alice"})},
	{"delete a private card, as admin", func(w *world) { w.as("admin").del(w.item(w.private.ID)).want(http.StatusOK) },
		slices.Concat(ofAlice, thePrivate, []string{"file, private", "history, alice"})},
	{"star", func(w *world) { w.as("bob").post(w.item(w.public.ID)+"/star", nil).want(http.StatusOK) },
		slices.Concat(ofAlice, thePublic, lists, popular, []string{"starred, bob", "stars, bob", "stars, bob, details", "stars, moderator"})},
	{"star again", func(w *world) { w.as("moderator").post(w.item(w.public.ID)+"/star", nil).want(http.StatusOK) },
		slices.Concat(ofAlice, thePublic, lists, popular, []string{"starred, moderator", "stars, moderator"})},
	{"take a star back", func(w *world) { w.as("moderator").del(w.item(w.public.ID) + "/star").want(http.StatusOK) },
		slices.Concat(ofAlice, thePublic, lists, popular, []string{"starred, moderator", "stars, moderator"})},
	{"add a file", func(w *world) {
		more := config("version = '2.0'")
		if w.kind == "knowledge" {
			more.name = "more.json"
		}
		w.as("alice").upload(w.item(w.private.ID)+"/files", nil, more).want(http.StatusOK)
	}, slices.Concat(ofAlice, thePrivate, []string{"history, alice"})},
	{"delete the last file", func(w *world) {
		w.as("alice").del(w.item(w.private.ID) + "/" + w.file(w.private)).want(http.StatusOK)
	}, slices.Concat(ofAlice, thePrivate, []string{"file, private", "history, alice"})},
	{"approve", func(w *world) {
		w.as("moderator").post(w.review(w.pending.ID)+"/approve", nil).want(http.StatusOK)
	}, slices.Concat(ofAlice, lists, reviewLists, uploads, []string{"pending", "alice's pending", "alice's approved", "public list, page 2"})},
	{"reject", func(w *world) {
		w.as("moderator").post(w.review(w.pending.ID)+"/reject", map[string]string{"reason": "r"}).want(http.StatusOK)
	}, slices.Concat(ofAlice, reviewLists, uploads, []string{"pending", "alice's pending", "alice's rejected"})},
	{"download", func(w *world) { w.nobody().once(w.item(w.public.ID) + "/download").want(http.StatusOK) },
		slices.Concat(ofAlice, thePublic, lists, popular)},
	{"change a password", func(w *world) {
		w.as("bob").put("/api/users/me/password", map[string]string{
			"current_password": password, "new_password": "New-Horse-22", "confirm_password": "New-Horse-22",
		}).want(http.StatusOK)
	}, []string{"me, bob", "bob's", "starred, bob", "stars, bob", "stars, bob, details", "file, public, as bob"}},
	{"demote a moderator", func(w *world) { w.exec("UPDATE users SET is_moderator = FALSE WHERE username = 'moderator'") },
		[]string{"review list", "private, as moderator", "alice's, as moderator"}},
	{"promote a user", func(w *world) { w.exec("UPDATE users SET is_moderator = TRUE WHERE username = 'bob'") }, []string{"me, bob"}},
	{"rename a user", func(w *world) { w.exec("UPDATE users SET username = 'alicia' WHERE username = 'alice'") },
		slices.Concat(ofAlice, thePublic, lists, thePrivate, reviewLists, []string{"pending", "rejected", "alice's pending", "alice's rejected", "me, alice"})},
	{"delete cards in bulk", func(w *world) { w.exec("DELETE FROM "+tables[w.kind]+" WHERE uploader_id = ?", w.ids["alice"]) },
		slices.Concat(ofAlice, thePublic, lists, thePrivate, reviewLists, []string{"pending", "rejected", "stars, moderator", "dashboard, alice", "history, alice", "file, private", "file, public, as bob", "public list, page 2"})},
	{"delete a user and, by cascade, what is his", func(w *world) { w.exec("DELETE FROM users WHERE username = 'bob'") },
		[]string{"me, bob", "history, bob", "bob's", "stars, bob", "starred, bob", "public list", "public list, by stars", "public list of bob", "public list, page 2", "mine"}},
}

// TestEveryWriteShowsInTheNextRead warms every GET, writes, and asks each GET
// once more. A second site without a cache, on the same data, says what is
// right: both for the answers that the write changes and for the others.
func TestEveryWriteShowsInTheNextRead(t *testing.T) {
	t.Parallel()
	for _, write := range writes {
		t.Run(write.name, func(t *testing.T) {
			t.Parallel()
			worlds(t, write.check)
		})
	}
}

// check warms every GET of the world, writes, and asks again.
func (write write) check(w *world) {
	truth := w.twin()
	reads := w.reads()
	before := make(map[string]answer)
	for name, r := range reads {
		r.ask(w.site)
		a := r.ask(w.site)
		if a.status == http.StatusOK && !a.hit() {
			w.Errorf("%s: the second GET is no hit: %q", name, a.header.Get("Cache-Status"))
		}
		before[name] = a
	}
	write.do(w)
	var kept, changed int
	for name, r := range reads {
		got, want := r.ask(w.site), r.ask(truth)
		if !same(got, want) {
			w.Errorf("%s is stale (%s)\n got %d %s\nwant %d %s", name, got.header.Get("Cache-Status"), got.status, got.body, want.status, want.body)
		}
		shows := slices.Contains(write.shows, name)
		if shows && same(before[name], want) {
			w.Errorf("%s should show the write and does not: %s", name, want.body)
		}
		if shows {
			changed++
		} else if got.hit() {
			kept++
		}
	}
	if changed != len(slices.Compact(slices.Sorted(slices.Values(write.shows)))) {
		w.Errorf("the table names reads that there are not: %d of %v", changed, write.shows)
	}
	w.Logf("%d reads show the write; of the other %d, %d were hits", changed, len(reads)-changed, kept)
}
