package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// askers are everybody there can be, in the order of the columns of a row: the
// author is whose things it is about, but for a comment and a letter that are the
// user's.
var askers = []string{"", "bob", "alice", "dora", "mallory", "moderator", "admin", "root", "carol"}

// What becomes of a request, by asker: 1 for 401, 3 for 403, + for success, and x
// for what may be done by whoever asks, but not with this input.
const (
	open    = "+++++++++" // to everybody, whatever they present
	unread  = "xxxxxxxxx" // the same, of something that is no input
	users   = "1+++1+++1"
	usersX  = "1xxx1xxx1"
	authors = "13+31+++1" // and staff
	staff   = "13331+++1"
	admins  = "133313++1"
	supers  = "1333133+1"
	nobody  = "133313331"
)

// A request is one that somebody sends.
type request struct {
	path string
	body any // JSON, or a form where it has a type
	kind string
}

// An access is who may do something. The request is made anew for everybody who
// may: what one does, another can do as well.
type access struct {
	what string
	who  string
	make func(w *everything) request
}

func at(path string) func(*everything) request {
	return func(*everything) request { return request{path: path} }
}

func with(path string, body any) func(*everything) request {
	return func(*everything) request { return request{path: path, body: body} }
}

// form returns a multipart form with a file.
func (s *site) multipart(fields map[string]string, f file) request {
	s.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		_ = w.WriteField(name, value)
	}
	part, err := w.CreateFormFile("files", f.name)
	if err != nil {
		s.Fatal(err)
	}
	_, _ = io.WriteString(part, f.content)
	_ = w.Close()
	return request{body: body.String(), kind: w.FormDataContentType()}
}

// accessTo lists who may do what, by operation of the document.
func accessTo() map[string][]access {
	one := func(who string, make func(*everything) request) []access { return []access{{"", who, make}} }
	all := map[string][]access{
		"GET /":                           one(open, at("/")),
		"GET /health":                     one(open, at("/health")),
		"GET /api/dictionary/translation": one(open, at("/api/dictionary/translation")),
		"GET /api/metrics/prometheus":     one(open, at("/api/metrics/prometheus")),
		"GET /api/metrics/cache":          one(open, at("/api/metrics/cache")),
		"GET /api/metrics/health":         one(open, at("/api/metrics/health")),
		"GET /api/users/{id}/avatar":      one(open, func(w *everything) request { return request{path: "/api/users/" + w.ids["alice"] + "/avatar"} }),
		"GET /uploads/avatars/{path}": one(open, func(w *everything) request {
			return request{path: w.as("alice").picture("me.png", w.plain("png", teal)).avatar().AvatarURL} // others may have removed hers
		}),
		"GET /api/ws/{token}":                     one(unread, at("/api/ws/garbage")),
		"POST /api/auth/token":                    one(unread, with("/api/auth/token", "{}")),
		"POST /api/auth/refresh":                  one(unread, with("/api/auth/refresh", "{}")),
		"POST /api/refresh":                       one(unread, with("/api/refresh", "{}")),
		"POST /api/auth/send_verification_code":   one(unread, with("/api/auth/send_verification_code", "{}")),
		"POST /api/auth/send_reset_password_code": one(unread, with("/api/auth/send_reset_password_code", "{}")),
		"POST /api/auth/user/check_register":      one(unread, with("/api/auth/user/check_register", "{}")),
		"POST /api/auth/user/register":            one(unread, with("/api/auth/user/register", "{}")),
		"POST /api/auth/reset_password":           one(unread, with("/api/auth/reset_password", "{}")),
		"POST /api/auth/logout":                   one(users, at("/api/auth/logout")),
		"GET /api/users/me":                       one(users, at("/api/users/me")),
		"GET /api/users/stars":                    one(users, at("/api/users/stars")),
		"GET /api/user/stars":                     one(users, at("/api/user/stars")),
		"GET /api/users/me/upload-history":        one(users, at("/api/users/me/upload-history")),
		"GET /api/users/me/upload-stats":          one(users, at("/api/users/me/upload-stats")),
		"GET /api/users/me/dashboard-stats":       one(users, at("/api/users/me/dashboard-stats")),
		"GET /api/users/me/dashboard-trends":      one(users, at("/api/users/me/dashboard-trends")),
		"PUT /api/users/me/password":              one(usersX, with("/api/users/me/password", "{}")),
		"POST /api/users/me/avatar":               one(usersX, at("/api/users/me/avatar")),
		"DELETE /api/users/me/avatar":             one(users, at("/api/users/me/avatar")),
		"POST /api/moderation/check":              one(users, with("/api/moderation/check", map[string]string{"text": "hello"})),
		"GET /api/moderation/health":              one(users, at("/api/moderation/health")),
		"GET /api/messages":                       one(users, at("/api/messages")),
		"GET /api/messages/by-type/{type}":        one(users, at("/api/messages/by-type/direct")),
		"GET /api/admin/broadcast-messages":       one(staff, at("/api/admin/broadcast-messages")),
		"GET /api/admin/stats":                    one(admins, at("/api/admin/stats")),
		"GET /api/admin/recent-users":             one(admins, at("/api/admin/recent-users")),
		"GET /api/admin/users":                    one(admins, at("/api/admin/users")),
		"GET /api/admin/cache/stats":              one(admins, at("/api/admin/cache/stats")),
		"GET /api/admin/cache/advice":             one(admins, at("/api/admin/cache/advice")),
		"GET /api/admin/cache/explain":            one("133313xx1", at("/api/admin/cache/explain")),
		"POST /api/admin/cache/stats/reset":       one(admins, at("/api/admin/cache/stats/reset")),
		"POST /api/admin/cache/invalidate":        one(admins, with("/api/admin/cache/invalidate", map[string]any{"tags": []string{"x"}})),
	}
	maps.Copy(all, accessToTalk())
	maps.Copy(all, accessToUsers())
	for _, kind := range bothKinds {
		maps.Copy(all, accessToItems(kind))
	}
	return all
}

func accessToTalk() map[string][]access {
	comment := func(w *everything) string { return w.commentOn("persona", "bob", w.of["persona"].public.ID, "") }
	letter := func(rest string, body any) func(*everything) request {
		return func(w *everything) request {
			return request{path: aMessage(w.mail("bob", "alice", "t")) + rest, body: body}
		}
	}
	title := map[string]string{"title": "forged"}
	return map[string][]access{
		"GET /api/comments": {
			{"of a public item", users, func(w *everything) request { return request{path: commentsOn("persona", w.of["persona"].public.ID)} }},
			{"of a private item", authors, func(w *everything) request { return request{path: commentsOn("persona", w.of["persona"].private.ID)} }},
		},
		"POST /api/comments": {
			{"on a public item", "1++31+++1", func(w *everything) request {
				return request{path: "/api/comments", body: map[string]string{"target_type": "persona", "target_id": w.of["persona"].public.ID, "content": "hm"}}
			}},
			{"on a private item", authors, func(w *everything) request {
				return request{path: "/api/comments", body: map[string]string{"target_type": "persona", "target_id": w.of["persona"].private.ID, "content": "hm"}}
			}},
		},
		"POST /api/comments/{id}/react": {{"", users, func(w *everything) request {
			return request{path: aComment(comment(w)) + "/react", body: map[string]string{"action": "like"}}
		}}},
		"DELETE /api/comments/{id}": {{"", "1++31+++1", func(w *everything) request { return request{path: aComment(comment(w))} }}},
		"POST /api/comments/{id}/restore": {
			{"that a moderator deleted", staff, func(w *everything) request {
				id := comment(w)
				w.okDel("moderator", aComment(id))
				return request{path: aComment(id) + "/restore"}
			}},
			{"that its author deleted", "1+331+++1", func(w *everything) request {
				id := comment(w)
				w.okDel("bob", aComment(id))
				return request{path: aComment(id) + "/restore"}
			}},
		},
		"POST /api/messages/send": {
			{"to somebody", users, func(w *everything) request {
				return request{path: "/api/messages/send", body: map[string]any{"title": "t", "content": "c", "recipient_id": w.ids["bob"]}}
			}},
			{"an announcement", staff, func(w *everything) request {
				return request{path: "/api/messages/send", body: map[string]any{"title": "t", "content": "c", "recipient_id": w.ids["bob"], "message_type": "announcement"}}
			}},
			{"to all", staff, with("/api/messages/send", map[string]any{"title": "t", "content": "c", "message_type": "announcement", "broadcast_scope": "all_users"})},
		},
		"GET /api/messages/{id}":       {{"", "1++313331", letter("", nil)}},
		"POST /api/messages/{id}/read": {{"", "13+313331", letter("/read", nil)}},
		"PUT /api/messages/{id}": {
			{"a letter", nobody, letter("", title)},
			{"an announcement", "13331+331", func(w *everything) request { return request{path: aMessage(w.copies["alice"]), body: title} }},
		},
		"DELETE /api/messages/{id}": {{"", "13+313331", letter("", nil)}},
	}
}

func accessToUsers() map[string][]access {
	n := 0
	someone := func(rest, role string, body any) func(*everything) request {
		return func(w *everything) request {
			n++
			name := fmt.Sprint("someone", n)
			w.okPost("root", "/api/admin/users", map[string]string{"username": name, "email": name + "@example.com", "password": password, "role": role})
			return request{path: "/api/admin/users/" + w.text("SELECT id FROM users WHERE username = ?", name) + rest, body: body}
		}
	}
	create := func(role string) func(*everything) request {
		return func(*everything) request {
			n++
			name := fmt.Sprint("another", n)
			return request{path: "/api/admin/users", body: map[string]string{"username": name, "email": name + "@example.com", "password": password, "role": role}}
		}
	}
	all := map[string][]access{
		"POST /api/admin/users": {{"a user", admins, create("user")}, {"an admin", supers, create("admin")}},
		"PUT /api/admin/users/{id}/role": {
			{"of a user", admins, someone("/role", "user", map[string]string{"role": "moderator"})},
			{"an admin's", supers, someone("/role", "user", map[string]string{"role": "admin"})},
		},
	}
	for what, rest := range map[string]string{"POST": "/mute /unmute /ban /unban", "DELETE": " "} {
		for _, rest := range strings.Split(rest, " ") {
			all[what+" /api/admin/users/{id}"+rest] = []access{
				{"a user", admins, someone(rest, "user", map[string]string{})}, {"an admin", supers, someone(rest, "admin", map[string]string{})},
			}
		}
	}
	return all
}

func accessToItems(kind string) map[string][]access {
	base := "/api/" + kind + "/"
	n := 0
	name := func() string { n++; return fmt.Sprint(kind, n) }
	item := func(state, rest string, body any) func(*everything) request {
		return func(w *everything) request {
			w.kind = kind
			make := map[string]func(string, string) card{"public": w.newPublic, "private": w.newCard, "pending": w.newPending}[state]
			c := make("alice", name())
			if strings.Contains(rest, "FILE") {
				rest := strings.ReplaceAll(rest, "FILE", w.detail("root", c.ID).Files[0].FileID)
				return request{path: base + c.ID + rest, body: body}
			}
			return request{path: base + c.ID + rest, body: body}
		}
	}
	review := func(by, rest string, body any) func(*everything) request {
		return func(w *everything) request {
			w.kind = kind
			return request{path: w.review(w.newPending(by, name()).ID + rest), body: body}
		}
	}
	reason := map[string]string{"reason": "r"}
	content := map[string]string{"content": "new"}
	return map[string][]access{
		"GET " + base + "public":         {{"", open, at(base + "public")}},
		"GET " + base + "user/{user_id}": {{"", authors, func(w *everything) request { return request{path: base + "user/" + w.ids["alice"]} }}},
		"GET " + base + "{id}":           {{"public", open, item("public", "", nil)}, {"private", authors, item("private", "", nil)}, {"pending", authors, item("pending", "", nil)}},
		"PUT " + base + "{id}": {
			{"private", authors, item("private", "", content)}, {"public", authors, item("public", "", content)},
			{"to publish", staff, item("private", "", map[string]bool{"is_public": true})},
			{"of a public one more than its content", nobody, item("public", "", map[string]string{"description": "new"})},
		},
		"DELETE " + base + "{id}":       {{"public", authors, item("public", "", nil)}, {"private", authors, item("private", "", nil)}},
		"GET " + base + "{id}/download": {{"public", open, item("public", "/download", nil)}, {"private", authors, item("private", "/download", nil)}},
		"GET " + base + "{id}/starred":  {{"", users, item("public", "/starred", nil)}},
		"POST " + base + "{id}/star":    {{"public", users, item("public", "/star", nil)}, {"private", authors, item("private", "/star", nil)}},
		"DELETE " + base + "{id}/star":  {{"", usersX, item("public", "/star", nil)}},
		"GET " + base + "{id}/file/{file_id}": {
			{"public", users, item("public", "/file/FILE", nil)}, {"private", authors, item("private", "/file/FILE", nil)},
		},
		"DELETE " + base + "{id}/{file_id}": {
			{"private", authors, item("private", "/FILE", nil)}, {"public", nobody, item("public", "/FILE", nil)}, {"pending", nobody, item("pending", "/FILE", nil)},
		},
		"POST " + base + "{id}/files": {
			{"private", authors, func(w *everything) request {
				r := item("private", "/files", nil)(w)
				f := w.file()
				if kind == "knowledge" {
					f.name = "more.txt"
				}
				form := w.multipart(nil, f)
				form.path = r.path
				return form
			}},
			{"public", nobody, item("public", "/files", nil)},
		},
		"POST " + base + "upload": {{"", users, func(w *everything) request {
			w.kind = kind
			form := w.multipart(map[string]string{"name": name(), "description": "d"}, w.file())
			form.path = base + "upload"
			return form
		}}},
		"GET /api/review/" + kind + "/pending": {{"", staff, at("/api/review/" + kind + "/pending")}},
		"POST /api/review/" + kind + "/{id}/approve": {
			{"somebody's", staff, review("alice", "/approve", nil)}, {"their own", "133313++1", review("moderator", "/approve", nil)},
			{"an admin's own", "13331+3+1", review("admin", "/approve", nil)},
		},
		"POST /api/review/" + kind + "/{id}/reject": {
			{"somebody's", staff, review("alice", "/reject", reason)}, {"their own", "133313++1", review("moderator", "/reject", reason)},
		},
	}
}

// TestWhoMayDoWhat asks every operation of the document as everybody there can be.
// An operation that is new in the document fails it until the table says who may
// do it.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := newEverything(t)
	w.okPost("root", "/api/admin/users", map[string]string{"username": "dora", "email": "dora@example.com", "password": password})
	w.logIn("dora")
	w.okPost("root", w.onUser("dora", "/mute"), sanction("permanent"))
	table, doc := accessTo(), w.document()
	for operation := range doc {
		if table[operation] == nil {
			t.Errorf("nobody says who may %s", operation)
		}
	}
	asked := 0
	for _, operation := range slices.Sorted(maps.Keys(table)) {
		if _, known := doc[operation]; !known {
			t.Errorf("%s is no operation of the document", operation)
		}
		method, _, _ := strings.Cut(operation, " ")
		for _, a := range table[operation] {
			if len(a.who) != len(askers) {
				t.Fatalf("%s %s: %q", operation, a.what, a.who)
			}
			asked += w.checkAccess(method, operation, a)
		}
	}
	t.Logf("%d operations, %d questions", len(table), asked)
}

// checkAccess asks as everybody, first as those who may not: what they are refused
// is there still.
func (w *everything) checkAccess(method, operation string, a access) (asked int) {
	w.Helper()
	var r *request
	for _, may := range []bool{false, true} {
		for n, as := range askers {
			want := a.who[n]
			if (want == '+') != may {
				continue
			}
			if r == nil || may && method != http.MethodGet {
				made := a.make(w)
				r = &made
			}
			status := w.status(method, *r, as)
			asked++
			got := byte('x')
			switch {
			case status < 300:
				got = '+'
			case status == http.StatusUnauthorized:
				got = '1'
			case status == http.StatusForbidden:
				got = '3'
			}
			if got != want || status >= 500 {
				w.Errorf("%s %s as %q: %d, want %c", operation, a.what, as, status, want)
			}
			if operation == "POST /api/auth/logout" && got == '+' {
				w.logIn(as)
			}
		}
	}
	return asked
}

// status returns what a request is answered with, without a network.
func (s *site) status(method string, r request, as string) int {
	s.Helper()
	body, kind := "", r.kind
	switch b := r.body.(type) {
	case nil:
	case string:
		body = b
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.Fatal(err)
		}
		body = string(text)
	}
	if kind == "" && body != "" {
		kind = "application/json"
	}
	q := httptest.NewRequestWithContext(s.Context(), method, r.path, strings.NewReader(body))
	if kind != "" {
		q.Header.Set("Content-Type", kind)
	}
	if as != "" {
		q.Header.Set("Authorization", "Bearer "+s.tokens[as])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, q)
	return w.Code
}
