package blackbox_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

const invalidatePath = "/api/admin/cache/invalidate"

// clears fails the test unless the invalidation that an admin asks for clears
// just the reads with these names.
func (s *site) clears(input map[string]any, reads map[string]read, cleared ...string) {
	s.Helper()
	s.clearsBy(func() { s.as("admin").post(invalidatePath, input).want(http.StatusOK) }, input, reads, cleared...)
}

func (s *site) clearsBy(invalidate func(), what any, reads map[string]read, cleared ...string) {
	s.Helper()
	for name, r := range reads {
		r.ask(s).want(http.StatusOK)
		if a := r.ask(s); !a.hit() {
			s.Fatalf("%s: the second GET is no hit: %q", name, a.header.Get("Cache-Status"))
		}
	}
	invalidate()
	var got []string
	for _, name := range slices.Sorted(maps.Keys(reads)) {
		if !reads[name].ask(s).want(http.StatusOK).hit() {
			got = append(got, name)
		}
	}
	slices.Sort(cleared)
	if !slices.Equal(got, cleared) {
		s.Errorf("%v clears %v, want %v", what, got, cleared)
	}
}

// copied adds a row that differs from another in its id, and in what changes
// says.
func (s *site) copied(table, id, newID string, changes map[string]string) {
	s.Helper()
	changes = maps.Clone(changes)
	if changes == nil {
		changes = map[string]string{}
	}
	changes["id"] = newID
	columns := s.columns(table)
	values := make([]string, len(columns))
	var args []any
	for i, c := range columns {
		values[i] = c
		if v, ok := changes[c]; ok {
			values[i] = "?"
			args = append(args, v)
		}
	}
	s.exec("INSERT INTO "+table+" ("+strings.Join(columns, ",")+") SELECT "+strings.Join(values, ",")+" FROM "+table+" WHERE id = ?", append(args, id)...)
}

// hostileIDs begin, end or go on like each other, or look like a pattern.
var hostileIDs = []string{"1", "12", "21", "*", "1*", "a%2Fb", "{id}"}

// TestHTTPCacheMiddleware: GET responses cached by a middleware, default TTL
// 300 s.
func TestHTTPCacheMiddleware(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	s.newPublic("alice", "Mai")
	s.nobody().once("/api/persona/public").want(http.StatusOK)
	a := s.nobody().once("/api/persona/public").want(http.StatusOK)
	if status := a.header.Get("Cache-Status"); status != "unstale;hit;ttl=299" && status != "unstale;hit;ttl=300" {
		t.Errorf("Cache-Status %q", status)
	}
}

// TestClearedWhenDataChanges: cleared automatically when data changes. Whoever
// writes need not know of the cache: here it is SQL.
func TestClearedWhenDataChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	c := s.newPublic("alice", "Mai")
	reads := map[string]read{"list": {"", "/api/persona/public"}, "card": {"", persona(c.ID)}, "bases": {"", "/api/knowledge/public"}}
	s.clearsBy(func() { s.exec("UPDATE persona_cards SET description = 'new' WHERE id = ?", c.ID) }, "a change", reads, "list", "card")
	s.equal("description", s.nobody().once(persona(c.ID)).card().Description, "new")
}

// TestInvalidateCacheSync: the general function, for tags, keys and patterns in
// one batch. It holds when it returns; the form that does not wait takes effect
// in this process at once.
func TestInvalidateCacheSync(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	one, two := s.newPublic("alice", "one"), s.newPublic("alice", "two")
	reads := map[string]read{
		"list": {"", "/api/persona/public"}, "page": {"", "/api/persona/public?page=1&page_size=5"}, "one": {"", persona(one.ID)},
		"two": {"", persona(two.ID)}, "words": {"", "/api/dictionary/translation"}, "stars": {"bob", "/api/users/stars"},
	}
	key := "maimnp:http:GET " + strings.TrimPrefix(s.url, "http://") + " " + persona(one.ID)
	s.clears(map[string]any{"tags": []string{"dictionary"}, "keys": []string{key}, "patterns": []string{"maimnp:http:*persona/public*"}},
		reads, "words", "one", "list", "page")
	s.clears(map[string]any{"keys": []string{strings.TrimPrefix(key, "maimnp:")}}, reads, "one")
	s.clears(map[string]any{"patterns": []string{"http:*persona/*"}}, reads, "list", "page", "one", "two")
	s.clearsBy(func() {
		s.cache.InvalidateAsync(unstale.Tag("dictionary"), unstale.Pattern("http:*persona/{id}*", two.ID))
	}, "InvalidateAsync", reads, "words", "two")
	for _, name := range []string{"alice", "moderator"} {
		s.as(name).post(invalidatePath, map[string]any{"patterns": []string{"*"}}).want(http.StatusForbidden)
	}
	s.clearsBy(func() {
		s.nobody().post(invalidatePath, map[string]any{"patterns": []string{"*"}}).want(http.StatusUnauthorized)
	}, "nobody", reads)
}

func TestInvalidatePersonaCache(t *testing.T)   { invalidatesItems(t, "persona", "persona_cards") }
func TestInvalidateKnowledgeCache(t *testing.T) { invalidatesItems(t, "knowledge", "knowledge_bases") }

// invalidatesItems: the resource with an id is that item, whatever its id looks
// like, and the public lists; without one it is all items.
func invalidatesItems(t *testing.T, kind, table string) {
	t.Parallel()
	s := newSite(t, true)
	s.kind = kind
	c := s.newPublic("alice", "Mai")
	lists := map[string]read{"list": {"", s.path("public")}, "page": {"", s.path("public?page=1&page_size=5")}}
	others := map[string]read{"stars": {"bob", "/api/users/stars"}, "words": {"", "/api/dictionary/translation"}}
	reads := maps.Clone(lists)
	maps.Copy(reads, others)
	for _, id := range hostileIDs {
		s.copied(table, c.ID, id, map[string]string{"name": "copy " + id})
		reads[id] = read{"", s.item(unstale.Escape(id))}
		reads["starred "+id] = read{"bob", s.item(unstale.Escape(id)) + "/starred"}
	}
	for _, id := range hostileIDs {
		s.clears(map[string]any{"resource": kind, "id": id}, reads, id, "starred "+id, "list", "page")
	}
	s.clears(map[string]any{"resource": kind, "id": "2"}, reads, "list", "page")
	var all []string
	for name := range reads {
		if _, other := others[name]; !other {
			all = append(all, name)
		}
	}
	s.clears(map[string]any{"resource": kind}, reads, all...)
	other := map[string]string{"persona": "knowledge", "knowledge": "persona"}[kind]
	s.clears(map[string]any{"resource": other}, reads)
}

// TestKeyPatterns: the patterns of the seed, as they stand there, match what
// they say and nothing else.
func TestKeyPatterns(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	card := s.newPublic("alice", "Mai")
	s.kind = "knowledge"
	base := s.newPublic("alice", "notes")
	reads := map[string]read{
		"cards": {"", "/api/persona/public"}, "cards, page": {"", "/api/persona/public?page=1"}, "card": {"", persona(card.ID)},
		"card, starred": {"bob", persona(card.ID) + "/starred"}, "alice's cards": {"alice", "/api/persona/user/" + s.ids["alice"]},
		"bases": {"", "/api/knowledge/public"}, "base": {"", "/api/knowledge/" + base.ID}, "me": {"alice", "/api/users/me"},
		"stars": {"bob", "/api/users/stars"}, "alice's bases": {"alice", "/api/knowledge/user/" + s.ids["alice"]},
	}
	for _, row := range []struct {
		pattern, id string
		clears      []string
	}{
		{"maimnp:http:*persona/public*", "", []string{"cards", "cards, page"}},
		{"maimnp:http:*persona/{pc_id}*", card.ID, []string{"card", "card, starred"}},
		{"maimnp:http:*persona/{pc_id}*", card.ID[:8], nil},
		{"maimnp:http:*persona/{pc_id}*", "*", nil},
		{"maimnp:kb:public:*", "", []string{"bases"}},
		{"maimnp:http:*knowledge/{kb_id}*", base.ID, []string{"base"}},
		{"maimnp:kb:user:{uploader_id}:*", s.ids["alice"], []string{"alice's bases"}},
		{"maimnp:kb:user:{uploader_id}:*", s.ids["bob"], nil},
		{"user:{user_id}", s.ids["alice"], []string{"alice's bases", "alice's cards", "me"}}, // whether her token is good
		{"user:{user_id}", "*", nil},
	} {
		input := map[string]any{"patterns": []string{row.pattern}}
		if row.id != "" {
			input["id"] = row.id
		}
		s.clears(input, reads, row.clears...)
	}
}

// TestInvalidateUserCache: the user's resource is what there is under his id,
// and what decides whether his token is good; nobody else's.
func TestInvalidateUserCache(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	reads := map[string]read{
		"alice": {"alice", "/api/users/me"}, "alice's stars": {"alice", "/api/users/stars"}, "bob": {"bob", "/api/users/me"},
		"alice's face": {"", "/api/users/" + s.ids["alice"] + "/avatar?size=64"}, "list": {"", "/api/persona/public"},
	}
	all := []string{"alice", "alice's stars", "bob", "alice's face"}
	for _, id := range hostileIDs {
		s.copied("users", s.ids["bob"], id, map[string]string{"username": "copy " + id, "username_key": "copy " + id, "email": strings.ToLower("copy@" + id)})
		reads[id] = read{"", "/api/users/" + unstale.Escape(id) + "/avatar"}
		all = append(all, id)
	}
	s.clears(map[string]any{"resource": "user", "id": s.ids["alice"]}, reads, "alice", "alice's stars", "alice's face")
	s.clears(map[string]any{"resource": "user", "id": s.ids["bob"]}, reads, "bob")
	for _, id := range hostileIDs {
		s.clears(map[string]any{"resource": "user", "id": id}, reads, id)
	}
	for _, id := range []string{s.ids["alice"][:35], s.ids["alice"] + "1"} {
		s.clears(map[string]any{"resource": "user", "id": id}, reads)
	}
	s.clears(map[string]any{"resource": "user"}, reads, all...)
}

// TestUserService: create, update, password and role.
func TestUserService(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	people := read{"admin", "/api/admin/users"}
	s.shows("create", func() {
		s.as("admin").post("/api/admin/users", map[string]string{"username": "carol", "email": "carol@example.com", "password": password, "role": "user"}).want(http.StatusOK)
	}, people)
	s.logIn("carol")
	me, pending := read{"carol", "/api/users/me"}, read{"carol", "/api/review/persona/pending"}
	s.shows("update", func() {
		s.as("admin").post("/api/admin/users/"+s.ids["carol"]+"/mute", map[string]string{"duration": "7d", "reason": "noise"}).want(http.StatusOK)
	}, me)
	s.shows("role", func() {
		s.as("admin").put("/api/admin/users/"+s.ids["carol"]+"/role", map[string]string{"role": "moderator"}).want(http.StatusOK)
	}, me, pending, people)
	s.shows("password", func() {
		s.as("carol").put("/api/users/me/password", map[string]string{"current_password": password, "new_password": "New-Horse-22", "confirm_password": "New-Horse-22"}).want(http.StatusOK)
	}, me, pending)
}

// shows fails the test unless the operation shows in the very next read of each
// of the paths, which were served from the cache before it.
func (s *site) shows(operation string, do func(), reads ...read) {
	s.Helper()
	before := make([]answer, len(reads))
	for i, r := range reads {
		r.ask(s)
		if before[i] = r.ask(s); before[i].status == http.StatusOK && !before[i].hit() {
			s.Fatalf("%s: %s is not cached: %q", operation, r.path, before[i].header.Get("Cache-Status"))
		}
	}
	do()
	truth := s.twin()
	for i, r := range reads {
		if got, want := r.ask(s), r.ask(truth); !same(got, want) || same(got, before[i]) {
			s.Errorf("%s: %s as %q: %s, want %s, before it %s", operation, r.path, r.as, got.body, want.body, before[i].body)
		}
	}
}

func TestPersonaService(t *testing.T)   { itemService(t, "persona") }
func TestKnowledgeService(t *testing.T) { itemService(t, "knowledge") }

// itemService: save, update, delete, add_star and remove_star.
func itemService(t *testing.T, kind string) {
	t.Parallel()
	s := newSite(t, true)
	s.kind = kind
	mine, public := read{"alice", s.path("user/" + s.ids["alice"])}, read{"", s.path("public")}
	var c card
	s.shows("save", func() { c = s.newPublic("alice", "Mai") }, mine, public)
	item, starred, stars := read{"", s.item(c.ID)}, read{"bob", s.item(c.ID) + "/starred"}, read{"bob", "/api/users/stars"}
	s.shows("update", func() { s.as("alice").put(s.item(c.ID), map[string]any{"content": "new"}).want(http.StatusOK) }, mine, public, item)
	s.shows("add_star", func() { s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK) }, mine, public, item, starred, stars)
	s.shows("remove_star", func() { s.as("bob").del(s.item(c.ID) + "/star").want(http.StatusOK) }, mine, public, item, starred, stars)
	s.shows("delete", func() { s.as("alice").del(s.item(c.ID)).want(http.StatusOK) }, mine, public, item)
}

// TestFileUploadService: upload_persona_card.
func TestFileUploadService(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	s.shows("upload_persona_card", func() { s.newPending("alice", "Mai") },
		read{"alice", "/api/persona/user/" + s.ids["alice"]}, read{"moderator", "/api/review/persona/pending"}, read{"alice", "/api/users/me/upload-history"})
}

// TestIsEnabled: with the cache off everything works.
func TestIsEnabled(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		var stats struct {
			CacheEnabled bool `json:"cache_enabled"`
			Hits         int
		}
		c := s.newPublic("alice", "Mai")
		for range 2 {
			s.equal("name", s.nobody().once(persona(c.ID)).card().Name, "Mai")
			s.nobody().once("/api/dictionary/translation").want(http.StatusOK)
		}
		s.as("admin").once("/api/admin/cache/stats").want(http.StatusOK).data(&stats)
		s.equal("enabled", stats.CacheEnabled, s.cached)
		s.equal("hits", stats.Hits > 0, s.cached)
		for _, input := range []map[string]any{{"tags": []string{"dictionary"}}, {"resource": "persona", "id": c.ID}, {"patterns": []string{"*"}}} {
			s.as("admin").post(invalidatePath, input).want(http.StatusOK)
		}
		s.as("admin").post("/api/admin/cache/stats/reset", nil).want(http.StatusOK)
		for _, path := range []string{"/", "/health", "/docs", "/openapi.json", "/api/metrics/health", "/api/metrics/cache", "/api/metrics/prometheus"} {
			s.nobody().once(path).want(http.StatusOK)
		}
		s.as("alice").put(persona(c.ID), map[string]any{"content": "new"}).want(http.StatusOK)
		s.equal("content", s.nobody().once(persona(c.ID)).card().Content, "new")
	})
}

// TestTags: what no database holds has a tag, which clears it.
func TestTags(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	s.nobody().once("/api/dictionary/translation").want(http.StatusOK) // who finds something stored has the file looked at
	path := filepath.Join(s.dir, "dictionary.json")
	old := time.Now().Add(-time.Hour)
	if err := os.WriteFile(path, []byte(`{"tokens":{"nickname":"昵称"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	reads := map[string]read{"words": {"", "/api/dictionary/translation"}, "moderation": {"alice", "/api/moderation/health"}, "list": {"", "/api/persona/public"}}
	s.clears(map[string]any{"tags": []string{"dictionary"}}, reads, "words")
	s.clears(map[string]any{"tags": []string{"moderation"}}, reads, "moderation")
	s.clears(map[string]any{"tags": []string{"dictionary", "moderation"}}, reads, "words", "moderation")
	s.clears(map[string]any{"tags": []string{"*"}}, reads)
}

// TestMetricsOfInvalidation: how often what was invalidated is counted by cause.
func TestMetricsOfInvalidation(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	before := s.cache.Stats().Invalidations
	s.as("admin").post(invalidatePath, map[string]any{"tags": []string{"a", "b"}, "keys": []string{"k"}, "resource": "message"}).want(http.StatusOK)
	s.newCard("alice", "Mai")
	after := s.cache.Stats().Invalidations
	for cause, want := range map[string]uint64{"tag": 2, "key": 1, "pattern": 1} {
		s.equal(cause, after[cause]-before[cause], want)
	}
	if after["write"] <= before["write"] {
		t.Errorf("the upload is not counted: %v, then %v", before, after)
	}
}
