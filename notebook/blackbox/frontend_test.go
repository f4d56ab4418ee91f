package blackbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// A front is somebody before the site's own front end: it sends what that sends,
// from a browser that prefers English, and reads what that reads.
type front struct {
	visitor
	twin *site // says what every GET has to answer; nil without a cache
}

// ask sends a request. A GET is asked twice, and once more of the twin.
func (f front) ask(method, path, contentType string, body []byte) answer {
	f.Helper()
	a := f.asks(f.site, method, path, contentType, body)
	if method != http.MethodGet || f.twin == nil {
		return a
	}
	again, truth := f.asks(f.site, method, path, contentType, body), f.asks(f.twin, method, path, contentType, body)
	if a.meaning() != truth.meaning() || again.meaning() != truth.meaning() {
		f.Errorf("%s:\n got %.500q\nthen %.500q (%s)\nwant %.500q", a.request, a.meaning(), again.meaning(), again.header.Get("Cache-Status"), truth.meaning())
	}
	return a
}

func (f front) asks(of *site, method, path, contentType string, body []byte) answer {
	f.Helper()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(f.Context(), method, of.url+path, content)
	if err != nil {
		f.Fatal(err)
	}
	r.Header.Set("Accept", "application/json, text/plain, */*")
	r.Header.Set("Accept-Language", "en-US,en;q=0.9")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	a, err := visitor{of, f.token}.exchange(r)
	if err != nil {
		f.Fatal(err)
	}
	return a
}

// get asks for JSON, and fails the test unless the answer has the fields in an
// envelope, with a message in Chinese.
func (f front) get(path string, fields ...string) answer {
	f.Helper()
	return f.reads(f.ask(http.MethodGet, path, "", nil), fields)
}

func (f front) reads(a answer, fields []string) answer {
	f.Helper()
	a.want(http.StatusOK).has(append(fields, envelope...)...)
	var said struct{ Message string }
	if err := json.Unmarshal(a.body, &said); err != nil || !strings.ContainsFunc(said.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		f.Errorf("%s: the message is %q", a.request, said.Message)
	}
	return a
}

// has fails the test unless the answer has all the fields.
func (a answer) has(fields ...string) answer {
	a.Helper()
	if missing, open := lacks(a.body, fields); len(missing)+len(open) > 0 {
		a.Errorf("%s: lacks %s; nothing to see of %s: %s", a.request, strings.Join(missing, "; "), strings.Join(open, ", "), a.body)
	}
	return a
}

func (f front) write(method, path string, input any, fields ...string) answer {
	f.Helper()
	return f.reads(f.try(method, path, input), fields)
}

func (f front) try(method, path string, input any) answer {
	f.Helper()
	if input == nil {
		return f.ask(method, path, "", nil)
	}
	body, err := json.Marshal(input)
	if err != nil {
		f.Fatal(err)
	}
	return f.ask(method, path, "application/json", body)
}

func (f front) form(path string, fields url.Values) answer {
	f.Helper()
	return f.ask(http.MethodPost, path, "application/x-www-form-urlencoded", []byte(fields.Encode()))
}

// fails fails the test unless the answer is an error that the front end can show:
// a sentence in Chinese, a number and the request's id.
func (f front) fails(a answer, status int, containing string) {
	f.Helper()
	a.want(status).has("success bool", "error.message text", "error.code text", "error.request_id text")
	var got struct {
		Error struct{ Message, Code string }
	}
	_ = json.Unmarshal(a.body, &got)
	if !strings.Contains(got.Error.Message, containing) {
		f.Errorf("%s: %q does not say %q", a.request, got.Error.Message, containing)
	}
	if !regexp.MustCompile(`^[0-9]{5}$`).MatchString(got.Error.Code) {
		f.Errorf("%s: the code is %q", a.request, got.Error.Code)
	}
}

// before returns somebody before the front end, who has logged in with its form.
func (f front) before(name, password string) front {
	f.Helper()
	a := f.reads(front{visitor{f.site, ""}, f.twin}.form("/api/auth/token", url.Values{"username": {name}, "password": {password}}),
		[]string{"data.access_token text", "data.refresh_token text"})
	var got struct {
		AccessToken string `json:"access_token"`
	}
	a.data(&got)
	v := front{visitor{f.site, got.AccessToken}, f.twin}
	var me struct{ ID string }
	v.get("/api/users/me", under("data.", "id text", "username text", "role text", "is_muted bool", "muted_until text?", "avatar_updated_at text?")...).data(&me)
	f.ids[name] = me.ID
	return v
}

// row returns the row of the admin's table about a user.
func (f front) row(name string) (row struct {
	ID, Role, CreatedAt   string
	LockedUntil           *time.Time
	IsMuted               bool
	MutedUntil            *time.Time
	BanReason, MuteReason string
	KnowledgeCount        int
	PersonaCount          int
	LastUploadAt          *time.Time
}) {
	f.Helper()
	a := f.get("/api/admin/users?page=1&page_size=20&search="+name, append(pagination,
		under("data[].", "id text", "username text", "email text", "role text", "is_active bool", "createdAt text", "lastLoginAt text?", "lastUploadAt text?",
			"knowledgeCount number", "personaCount number", "lockedUntil text?", "isMuted bool", "mutedUntil text?", "banReason text?", "muteReason text?")...)...)
	var page struct{ Data []json.RawMessage }
	if err := json.Unmarshal(a.body, &page); err != nil || len(page.Data) != 1 {
		f.Fatalf("%v: %s", err, a.body)
	}
	if err := json.Unmarshal(page.Data[0], &row); err != nil {
		f.Fatal(err)
	}
	return row
}

// TestFrontEnd sends what the site's own front end sends, page by page, and reads
// what it reads. With a cache every GET is compared with a second site that has
// none.
func TestFrontEnd(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		nobody := front{visitor: visitor{s, ""}}
		if s.cached {
			nobody.twin = s.twin()
		}
		root, alice, bob := nobody.before("root", password), nobody.before("alice", password), nobody.before("bob", password)
		nobody.comesIn()
		mod := nobody.before("moderator", password)
		for _, kind := range bothKinds {
			s.kind = kind
			alice.shares(mod, bob)
		}
		alice.hasThemself()
		bob.isTold(alice)
		root.administers(bob, alice)
		alice.takesAway()
	})
}

func (f front) comesIn() {
	f.Helper()
	const zoe = "zoe@example.com"
	f.reads(f.form("/api/auth/user/check_register", url.Values{"username": {"zoe"}, "email": {zoe}}), nil)
	f.reads(f.form("/api/auth/send_verification_code", url.Values{"email": {zoe}}), nil)
	code := f.codes(zoe)[0]
	f.fails(f.form("/api/auth/user/register", url.Values{"username": {"zoe"}, "password": {"secret"}, "email": {zoe}, "verification_code": {another(code)}}),
		http.StatusUnprocessableEntity, "验证码")
	f.reads(f.form("/api/auth/user/register", url.Values{"username": {"zoe"}, "password": {"secret"}, "email": {zoe}, "verification_code": {code}}), nil)
	f.fails(f.form("/api/auth/token", url.Values{"username": {"zoe"}, "password": {"wrong"}}), http.StatusUnauthorized, "用户名或密码错误")
	zoes := f.before("zoe", "secret")
	f.pass(2 * time.Minute)
	f.reads(f.form("/api/auth/send_reset_password_code", url.Values{"email": {zoe}}), nil)
	f.reads(f.form("/api/auth/reset_password", url.Values{"email": {zoe}, "verification_code": {f.codes(zoe)[1]}, "new_password": {"secret2"}}), nil)
	f.fails(zoes.try(http.MethodGet, "/api/users/me", nil), http.StatusUnauthorized, "重新登录")

	// What the front end does when 15 minutes have passed.
	var got struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	f.form("/api/auth/token", url.Values{"username": {"zoe"}, "password": {"secret2"}}).want(http.StatusOK).data(&got)
	late := front{visitor{f.site, got.AccessToken}, nil}
	f.pass(16 * time.Minute)
	f.fails(late.try(http.MethodGet, "/api/users/me", nil), http.StatusUnauthorized, "重新登录")
	f.reads(f.form("/api/refresh", url.Values{"refresh_token": {got.RefreshToken}}), []string{"data.access_token text"}).data(&got)
	late.token = got.AccessToken
	late.get("/api/users/me", "data.id text")
	f.ahead.Store(0)
}

// orders are what the front end offers to sort lists by.
var orders = []string{"created_at", "updated_at", "name", "downloads", "star_count"}

func (f front) shares(mod, reader front) {
	f.Helper()
	c := visitor{f.site, f.token}.upload(f.path("upload"), map[string]string{
		"name": "shared", "description": "about it", "content": "more", "tags": "a,b", "is_public": "true", "copyright_owner": "the artist",
	}, f.file()).card()
	names := []string{
		"id text", "name text", "description text", "uploader_id text", "author text", "author_id text", "tags text?", "content text?", "star_count number",
		"downloads number", "is_public bool", "is_pending bool", "rejection_reason text?", "version text", "created_at text", "updated_at text",
	}
	item := append(under("data.", names...), under("data.files[].", "file_id text", "original_name text", "file_size number", "created_at text")...)
	items := append(under("data[].", names...), pagination...)
	for _, by := range orders {
		mod.get("/api/review/"+f.kind+"/pending?page=1&page_size=10&name=&uploader_id=&sort_by="+by+"&sort_order=desc", items...)
	}
	mod.write(http.MethodPost, f.review(c.ID)+"/reject", map[string]string{"reason": "too short"})
	f.equal("rejected for", f.get(f.item(c.ID), item...).card().RejectionReason, "too short")
	f.write(http.MethodPut, f.item(c.ID), map[string]string{"description": "changed", "tags": "a,b,c"}, under("data.", names...)...)
	f.write(http.MethodPut, f.item(c.ID), map[string]bool{"is_pending": true}, under("data.", names...)...)
	mod.write(http.MethodPost, f.review(c.ID)+"/approve", nil)
	f.write(http.MethodPut, f.item(c.ID), map[string]string{"content": "even more"}, under("data.", names...)...)
	for _, by := range orders {
		for _, query := range []string{
			"page=1&page_size=12&name=&uploader_id=&tag=&sort_by=" + by + "&sort_order=desc",
			"page=1&page_size=48&name=shar&uploader_id=alice&tag=a&sort_by=" + by + "&sort_order=asc",
		} {
			reader.get(f.path("public?"+query), items...)
		}
	}
	f.get(f.path("user/"+f.ids["alice"]+"?page=1&page_size=10&name=shared"), items...)
	reader.get(f.item(c.ID), item...)
	starred := func() (got struct{ Starred bool }) {
		reader.get(f.item(c.ID)+"/starred", "data.starred bool").data(&got)
		return got
	}
	f.equal("starred", starred().Starred, false)
	reader.write(http.MethodPost, f.item(c.ID)+"/star", nil)
	f.equal("starred", starred().Starred, true)
	for _, by := range []string{"created_at", "star_count"} {
		reader.get("/api/user/stars?include_details=true&type="+f.kind+"&page=1&page_size=20&sort_by="+by+"&sort_order=desc", append(
			under("data[].", "id text", "type text", "name text", "description text", "star_count number", "downloads number", "author text", "is_public bool"), pagination...)...)
	}
	reader.write(http.MethodDelete, f.item(c.ID)+"/star", nil)
	f.equal("starred", starred().Starred, false)

	one := reader.detail("bob", c.ID).Files[0]
	if got := reader.ask(http.MethodGet, f.item(c.ID)+"/file/"+one.FileID, "", nil).want(http.StatusOK); string(got.body) != validTOML {
		f.Errorf("%s: %q", got.request, got.body)
	}
	archive := reader.asks(f.site, http.MethodGet, f.item(c.ID)+"/download", "", nil).want(http.StatusOK)
	if !strings.Contains(archive.header.Get("Content-Disposition"), "filename") || !bytes.HasPrefix(archive.body, []byte("PK")) {
		f.Errorf("%s: %v", archive.request, archive.header)
	}
	f.talks(reader, c.ID)
}

func (f front) talks(reader front, id string) {
	f.Helper()
	said := commentFields
	var first, answered struct{ ID string }
	reader.write(http.MethodPost, "/api/comments", map[string]string{"content": "hello", "target_type": f.kind, "target_id": id}, under("data.", said...)...).data(&first)
	f.write(http.MethodPost, "/api/comments", map[string]string{"content": "hi", "target_type": f.kind, "target_id": id, "parent_id": first.ID},
		under("data.", said...)...).data(&answered)
	for _, action := range []string{"like", "dislike", "clear"} {
		f.write(http.MethodPost, aComment(first.ID)+"/react", map[string]string{"action": action}, under("data.", reactionFields...)...)
		reader.get(commentsOn(f.kind, id), under("data[].", said...)...)
	}
	f.write(http.MethodDelete, aComment(answered.ID), nil)
	f.write(http.MethodPost, aComment(answered.ID)+"/restore", nil)
	reader.get(commentsOn(f.kind, id), under("data[].", said...)...)
}

// hasThemself is the pages about oneself.
func (f front) hasThemself() {
	f.Helper()
	picture := func(query string) string {
		a := f.ask(http.MethodGet, "/api/users/"+f.ids["alice"]+"/avatar?size=200"+query, "", nil).want(http.StatusOK)
		return a.header.Get("Content-Type") + string(a.body)
	}
	letter := picture("")
	visitor{f.site, f.token}.picture("me.png", f.plain("png", red))
	f.get("/api/users/me", "data.avatar_updated_at text")
	f.equal("the picture shows", picture("") != letter && picture("&t=2026") != letter, true)
	f.write(http.MethodDelete, "/api/users/me/avatar", nil)
	f.equal("the letter shows", picture("") == letter, true)
	f.get("/api/users/me/dashboard-stats", under("data.", "knowledgeDownloads number", "personaDownloads number", "knowledgeStars number", "personaStars number")...)
	f.get("/api/users/me/dashboard-trends?days=30", under("data.items[].", "date text", "knowledgeDownloads number", "personaDownloads number")...)
	var dictionary struct{ Blocks, Tokens map[string]string }
	f.get("/api/dictionary/translation", "data.blocks object", "data.tokens object").data(&dictionary)
	if dictionary.Blocks["personality"] == "" || dictionary.Tokens["nickname"] == "" {
		f.Errorf("the dictionary is %v", dictionary)
	}
	change := func(current string) answer {
		return f.try(http.MethodPut, "/api/users/me/password", map[string]string{"current_password": current, "new_password": newPassword, "confirm_password": newPassword})
	}
	f.fails(change("wrong"), http.StatusUnauthorized, "当前密码错误")
}

// isTold is the messages: a WebSocket tells that there is one, and the list leads
// with it.
func (f front) isTold(by front) {
	f.Helper()
	heard := f.listen(f.token)
	heard.next()
	by.write(http.MethodPost, "/api/messages/send", map[string]any{"title": "for bob", "content": "hello", "recipient_id": f.ids["bob"], "message_type": "direct"})
	heard.next()
	var got []struct{ ID, Title string }
	messages := under("data[].", "id text", "title text", "content text", "summary text?", "message_type text", "is_read bool", "created_at text", "sender_id text")
	f.get("/api/messages?page=1&page_size=20", messages...).data(&got)
	f.equal("first", got[0].Title, "for bob")
	f.write(http.MethodPost, aMessage(got[0].ID)+"/read", nil)
	f.get("/api/messages/by-type/direct?page=1&page_size=20", messages...)
	for _, kind := range []string{"reaction", "comment"} {
		f.get("/api/messages/by-type/"+kind+"?page=1&page_size=20", messages...)
	}
}

func (f front) administers(bob, alice front) {
	f.Helper()
	f.write(http.MethodPost, "/api/admin/users", map[string]string{"username": "dan", "email": "dan@example.com", "password": password, "role": "user"},
		under("data.", "id text", "username text")...)
	dan := f.row("dan")
	f.write(http.MethodPut, "/api/admin/users/"+dan.ID+"/role", map[string]string{"role": "moderator"})
	f.equal("role", f.row("dan").Role, "moderator")
	if got := f.row("alice"); got.KnowledgeCount != 1 || got.PersonaCount != 1 || got.LastUploadAt == nil || got.CreatedAt == "" {
		f.Errorf("%+v", got)
	}
	var offered []struct{ ID, Username string }
	f.get("/api/admin/users?page=1&page_size=20", "data[].username text").data(&offered)
	if slices.ContainsFunc(offered, func(u struct{ ID, Username string }) bool { return u.Username == "root" }) {
		f.Errorf("a super admin is offered: %v", offered)
	}

	path := "/api/admin/users/" + f.ids["bob"]
	for _, duration := range []string{"1d", "7d", "30d", "permanent"} {
		f.write(http.MethodPost, path+"/ban", map[string]string{"duration": duration, "reason": "广告；刷屏"})
		if got := f.row("bob"); got.LockedUntil == nil || !got.LockedUntil.After(time.Now()) || got.BanReason != "广告；刷屏" {
			f.Errorf("banned for %s: %+v", duration, got)
		}
		f.fails(bob.try(http.MethodGet, "/api/users/me", nil), http.StatusUnauthorized, "")
		f.write(http.MethodPost, path+"/unban", nil)
		f.equal("locked", f.row("bob").LockedUntil == nil, true)
		bob = bob.before("bob", password) // what they had has ended with the ban
		f.write(http.MethodPost, path+"/mute", map[string]string{"duration": duration, "reason": "广告；刷屏"})
		if got := f.row("bob"); !got.IsMuted || got.MuteReason != "广告；刷屏" || (got.MutedUntil == nil) != (duration == "permanent") {
			f.Errorf("muted for %s: %+v", duration, got)
		}
		said := map[string]string{"content": "hello", "target_type": f.kind, "target_id": f.text("SELECT id FROM knowledge_bases")}
		f.fails(bob.try(http.MethodPost, "/api/comments", said), http.StatusForbidden, "禁言原因：广告；刷屏")
		f.fails(bob.try(http.MethodPost, "/api/comments", said), http.StatusForbidden, "麦麦") // the front end then opens a dialog
		f.write(http.MethodPost, path+"/unmute", nil)
		f.equal("muted", f.row("bob").IsMuted, false)
	}

	f.write(http.MethodPost, "/api/messages/send", map[string]any{"title": "to all", "content": "hello", "message_type": "announcement", "broadcast_scope": "all_users"})
	var moderators []struct{ ID string }
	f.get("/api/admin/users?page=1&page_size=500&role=moderator", "data[].id text").data(&moderators)
	var ids []string
	for _, m := range moderators {
		ids = append(ids, m.ID)
	}
	var sent struct{ Count int }
	f.write(http.MethodPost, "/api/messages/send", map[string]any{"title": "to some", "content": "hello", "message_type": "announcement", "recipient_ids": ids}).data(&sent)
	f.equal("moderators who are told", sent.Count, 2)
	f.write(http.MethodDelete, "/api/admin/users/"+dan.ID, nil)
	f.fails(alice.try(http.MethodGet, "/api/admin/users?page=1&page_size=20", nil), http.StatusForbidden, "没有权限")
}

// takesAway deletes, file by file. The front end knows by a sentence that the base
// has gone with its last file.
func (f front) takesAway() {
	f.Helper()
	for _, kind := range bothKinds {
		f.site.kind = kind
		c := visitor{f.site, f.token}.upload(f.path("upload"), map[string]string{"name": "private", "description": "d"}, f.file()).card()
		if kind == "knowledge" {
			visitor{f.site, f.token}.upload(f.item(c.ID)+"/files", nil, file{name: "more.json", content: "{}"}).want(http.StatusOK)
		}
		files := f.detail("alice", c.ID).Files
		for i, one := range files {
			a := f.write(http.MethodDelete, f.item(c.ID)+"/"+one.FileID, nil)
			last := i == len(files)-1
			f.equal("the base is gone", strings.Contains(string(a.body), "已自动删除"), last)
			if kind == "knowledge" {
				f.equal("the base is gone", strings.Contains(string(a.body), "知识库已自动删除"), last)
			}
		}
		f.fails(f.try(http.MethodGet, f.item(c.ID), nil), http.StatusNotFound, "不存在")
	}
	for kind, table := range map[string]string{"persona": "persona_cards", "knowledge": "knowledge_bases"} {
		f.write(http.MethodDelete, "/api/"+kind+"/"+f.text("SELECT id FROM "+table), nil)
		f.equal("left", f.get("/api/"+kind+"/public?page=1&page_size=12").page().Pagination.Total, 0)
	}
}
