package blackbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Everything is a site with something of everything that there can be on it,
// twice where there are two kinds, and people of whom some may not come in.
type everything struct {
	*site
	things
}

// things are alice's, but for the cards that are bob's, and mail.
type things struct {
	of               map[string]cards // by kind
	files            map[string]string
	comments         map[string][2]string // by kind: bob's on the public item, and alice's answer
	written, replied string
	copies           map[string]string // copies of the announcement, by recipient
	picture          string            // the path of alice's
}

var (
	entire    template
	theThings things
)

// Strangers are who may not come in: what he sends is no token, he is banned,
// or his token was revoked.
var strangers = []string{"garbage", "mallory", "carol"}

func newEverything(t *testing.T) *everything {
	s := entire.site(t, true, func(s *site) {
		people(s)
		theThings = things{of: map[string]cards{}, files: map[string]string{}, comments: map[string][2]string{}, copies: map[string]string{}}
		theThings.picture = s.as("alice").picture("me.png", s.plain("png", teal)).avatar().AvatarURL
		for _, kind := range bothKinds {
			theThings.add(s, kind)
		}
		theThings.written, theThings.replied = s.mail("bob", "alice", "mail"), s.mail("alice", "bob", "reply")
		s.announce("moderator", "announcement")
		for _, name := range []string{"alice", "bob", "root"} {
			theThings.copies[name] = s.copyFor(name)
		}
		s.as("root").post("/api/admin/users", map[string]string{"username": "mallory", "email": "mallory@example.com", "password": password}).want(http.StatusOK)
		s.logIn("mallory")
		s.as("root").post(s.onUser("mallory", "/ban"), sanction("permanent")).want(http.StatusOK)
		s.tokens["garbage"] = "garbage"
		s.revoked("carol")
	})
	return &everything{s, theThings}
}

// add adds items of a kind, with what belongs to them.
func (m things) add(s *site, kind string) {
	s.kind = kind
	made := cards{
		public: s.newPublic("alice", "public"), private: s.newCard("alice", "private"), pending: s.newPending("alice", "pending"),
		rejected: s.newRejected("alice", "rejected"), mine: s.newPublic("bob", "mine"),
	}
	m.of[kind] = made
	for _, c := range []card{made.public, made.private, made.pending, made.rejected, made.mine} {
		m.files[c.ID] = s.detail("root", c.ID).Files[0].FileID
	}
	for _, name := range []string{"moderator", "admin"} {
		s.as(name).post(s.item(made.public.ID)+"/star", nil).want(http.StatusOK)
	}
	s.as("bob").post(s.item(made.mine.ID)+"/star", nil).want(http.StatusOK)
	first := s.commentOn(kind, "bob", made.public.ID, "")
	m.comments[kind] = [2]string{first, s.commentOn(kind, "alice", made.public.ID, first)}
	s.commentOn(kind, "alice", made.private.ID, "")
	s.react("moderator", first, "like")
	s.nobody().once(s.item(made.public.ID) + "/download").want(http.StatusOK)
}

// commentOn comments on an item of any kind and returns the comment's id.
func (s *site) commentOn(kind, as, item, parent string) string {
	s.Helper()
	input := map[string]any{"target_type": kind, "target_id": item, "content": "said by " + as}
	if parent != "" {
		input["parent_id"] = parent
	}
	var c said
	s.as(as).post("/api/comments", input).want(http.StatusOK).data(&c)
	return c.ID
}

// gets are GETs of one route and who asks when it is about freshness; nobody is
// "".
type gets struct {
	route string
	as    []string
	paths []string
}

// ofItems are the GETs about the items of one kind.
func (w *everything) ofItems(kind string) []gets {
	base, items := "/api/"+kind+"/", w.of[kind]
	item := func(c card, rest string) string { return base + c.ID + rest }
	file := func(c card) string { return item(c, "/file/"+w.files[c.ID]) }
	alice, bob := base+"user/"+w.ids["alice"], base+"user/"+w.ids["bob"]
	comments := func(c card) string { return commentsOn(kind, c.ID) }
	return []gets{
		{base + "public", []string{""}, []string{
			base + "public", base + "public?sort_by=star_count&sort_order=desc", base + "public?sort_by=updated_at", base + "public?name=p",
			base + "public?uploader_id=alice", base + "public?uploader_id=" + w.ids["bob"], base + "public?page=2&page_size=1&sort_order=asc",
		}},
		{base + "user/{user_id}", []string{"alice"}, []string{
			alice, alice + "?status=pending", alice + "?status=approved", alice + "?status=rejected", alice + "?tag=new", alice + "?sort_by=downloads",
		}},
		{base + "user/{user_id}", []string{"moderator"}, []string{alice + "?sort_by=name&sort_order=asc", bob}},
		{base + "user/{user_id}", []string{"bob"}, []string{bob}},
		{base + "{id}", []string{"", "alice"}, []string{item(items.public, "")}},
		{base + "{id}", []string{""}, []string{item(items.mine, "")}},
		{base + "{id}", []string{"alice", "moderator"}, []string{item(items.private, ""), item(items.pending, ""), item(items.rejected, "")}},
		{base + "{id}/starred", []string{"bob", "moderator"}, []string{item(items.public, "/starred")}},
		{base + "{id}/starred", []string{"alice"}, []string{item(items.private, "/starred"), item(items.pending, "/starred"), item(items.rejected, "/starred")}},
		{base + "{id}/file/{file_id}", []string{"alice"}, []string{file(items.private), file(items.pending), file(items.rejected)}},
		{base + "{id}/file/{file_id}", []string{"bob"}, []string{file(items.public), file(items.mine)}},
		{"/api/review/" + kind + "/pending", []string{"moderator", "admin"}, []string{"/api/review/" + kind + "/pending", "/api/review/" + kind + "/pending?name=p"}},
		{"/api/comments", []string{"alice", "bob"}, []string{comments(items.public)}},
		{"/api/comments", []string{"alice"}, []string{comments(items.private), comments(items.pending), comments(items.rejected)}},
	}
}

// gets are all the GETs that may be answered from the cache.
func (w *everything) gets() []gets {
	const mine, mail, users = "/api/users/me", "/api/messages", "/api/admin/users"
	face := func(name, query string) string { return "/api/users/" + w.ids[name] + "/avatar" + query }
	both := []string{"alice", "bob"}
	list := []gets{
		{"/", []string{""}, []string{"/"}},
		{"/docs", []string{""}, []string{"/docs"}},
		{"/openapi.json", []string{""}, []string{"/openapi.json"}},
		{mine, []string{"alice", "bob", "moderator"}, []string{mine}},
		{mine + "/upload-history", both, []string{mine + "/upload-history", mine + "/upload-history?page=2&page_size=3"}},
		{mine + "/upload-stats", both, []string{mine + "/upload-stats"}},
		{mine + "/dashboard-stats", both, []string{mine + "/dashboard-stats"}},
		{mine + "/dashboard-trends", both, []string{mine + "/dashboard-trends?days=7"}},
		{"/api/users/stars", []string{"bob", "moderator"}, []string{"/api/users/stars"}},
		{"/api/user/stars", []string{"bob"}, []string{"/api/user/stars?include_details=true&sort_by=star_count"}},
		{"/api/users/{id}/avatar", []string{""}, []string{face("alice", ""), face("alice", "?size=64"), face("bob", "?size=200")}},
		{"/uploads/avatars/{path}", []string{""}, []string{w.picture}},
		{mail, both, []string{mail, mail + "?page=2&page_size=1"}},
		{mail, []string{"alice"}, []string{mail + "?other_user_id=" + w.ids["bob"]}},
		{mail + "/by-type/{type}", both, []string{mail + "/by-type/direct", mail + "/by-type/announcement", mail + "/by-type/comment", mail + "/by-type/reaction"}},
		{mail + "/{id}", both, []string{aMessage(w.written)}},
		{mail + "/{id}", []string{"alice"}, []string{aMessage(w.copies["alice"])}},
		{mail + "/{id}", []string{"bob"}, []string{aMessage(w.copies["bob"]), aMessage(w.replied)}},
		{"/api/admin/broadcast-messages", []string{"moderator"}, []string{"/api/admin/broadcast-messages", "/api/admin/broadcast-messages?page_size=1"}},
		{"/api/admin/stats", []string{"admin"}, []string{"/api/admin/stats"}},
		{"/api/admin/recent-users", []string{"admin"}, []string{"/api/admin/recent-users"}},
		{users, []string{"admin"}, []string{users, users + "?search=bob", users + "?role=moderator"}},
		{"/api/dictionary/translation", []string{""}, []string{"/api/dictionary/translation"}},
		{"/api/moderation/health", []string{"alice"}, []string{"/api/moderation/health"}},
	}
	for _, kind := range bothKinds {
		list = append(list, w.ofItems(kind)...)
	}
	return list
}

// passing are the GET routes that every request must reach, so that nothing of
// them is stored. The WebSocket has tests of its own.
func (w *everything) passing() []gets {
	list := []gets{
		{"/health", nil, []string{"/health"}},
		{"/api/metrics/prometheus", nil, []string{"/api/metrics/prometheus"}},
		{"/api/metrics/cache", nil, []string{"/api/metrics/cache"}},
		{"/api/metrics/health", nil, []string{"/api/metrics/health"}},
		{"/api/admin/cache/stats", nil, []string{"/api/admin/cache/stats"}},
		{"/api/admin/cache/advice", nil, []string{"/api/admin/cache/advice"}},   // which is about the cached site alone
		{"/api/admin/cache/explain", nil, []string{"/api/admin/cache/explain"}}, // what it would explain is the cached site's alone
		{"/api/ws/{token}", nil, []string{"/api/ws/" + w.tokens["alice"]}},
	}
	for _, kind := range bothKinds {
		items, base := w.of[kind], "/api/"+kind+"/"
		g := gets{route: base + "{id}/download"}
		for _, c := range []card{items.public, items.private, items.pending, items.rejected, items.mine} {
			g.paths = append(g.paths, base+c.ID+"/download")
		}
		list = append(list, g)
	}
	return list
}

// peek asks without a network.
func (r read) peek(s *site) answer {
	request := httptest.NewRequestWithContext(s.Context(), http.MethodGet, r.path, nil)
	if r.as != "" {
		request.Header.Set("Authorization", "Bearer "+s.tokens[r.as])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, request)
	return answer{s, "GET " + r.path, w.Code, w.Header(), w.Body.Bytes()}
}

// meaning is what an answer comes to: all of it but the fields that only the
// cache gives, and of an error what does not change from time to time.
func (a answer) meaning() string {
	said := []string{http.StatusText(a.status)}
	for _, name := range []string{"Content-Type", "Content-Disposition", "Vary"} {
		said = append(said, strings.Join(a.header.Values(name), ","))
	}
	var failure struct {
		Error struct {
			Code, Message string
			Details       struct{ Code string }
		}
	}
	if a.status < 400 || json.Unmarshal(a.body, &failure) != nil {
		return strings.Join(append(said, string(a.body)), "\n")
	}
	return strings.Join(append(said, failure.Error.Code, failure.Error.Details.Code, failure.Error.Message), "\n")
}

// A document says which operations there are, as "GET /api/persona/{id}", and
// which of them need a token.
type document map[string]bool

func (s *site) document() document {
	s.Helper()
	var got struct {
		Paths map[string]map[string]struct{ Security []any }
	}
	if err := json.Unmarshal(s.nobody().once("/openapi.json").body, &got); err != nil {
		s.Fatal(err)
	}
	all := document{}
	for path, operations := range got.Paths {
		for method, operation := range operations {
			all[strings.ToUpper(method)+" "+path] = len(operation.Security) > 0
		}
	}
	return all
}

// operation returns the operation that a request is, "" for none: of several the
// one with the most words of its own.
func (d document) operation(method, path string) (found string) {
	path, _, _ = strings.Cut(path, "?")
	most := -1
	for operation := range d {
		m, template, _ := strings.Cut(operation, " ")
		want, got := strings.Split(template, "/"), strings.Split(path, "/")
		if m != method || len(want) != len(got) {
			continue
		}
		literal, fits := 0, true
		for i := range want {
			if strings.HasPrefix(want[i], "{") {
				continue
			}
			fits = fits && want[i] == got[i]
			literal++
		}
		if fits && literal > most {
			most, found = literal, operation
		}
	}
	return found
}
