package blackbox_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// A step is a write, or several that only make sense together. silent says that
// no GET shows it.
type step struct {
	name   string
	silent bool
	do     func(w *everything)
}

// story makes every write that there is, in an order in which each can succeed.
// What it takes away at its end is what the GETs are about.
func story() []step {
	steps := accountSteps()
	for _, kind := range bothKinds {
		for _, s := range itemSteps() {
			steps = append(steps, step{kind + ": " + s.name, s.silent, func(w *everything) {
				w.kind = kind
				s.do(w)
			}})
		}
	}
	return append(append(steps, talkSteps()...), endSteps()...)
}

func (w *everything) okPost(as, path string, input any) {
	w.Helper()
	w.as(as).post(path, input).want(http.StatusOK)
}

func (w *everything) okPut(as, path string, input any) {
	w.Helper()
	w.as(as).put(path, input).want(http.StatusOK)
}

func (w *everything) okDel(as, path string) {
	w.Helper()
	w.as(as).del(path).want(http.StatusOK)
}

func (w *everything) okForm(path string, fields ...string) (a answer) {
	w.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return w.nobody().form(path, values).want(http.StatusOK)
}

// again gives somebody a new token for the one that is no longer good.
func (w *everything) again(name, password string) {
	w.Helper()
	var got struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	w.okForm("/api/auth/token", "username", name, "password", password).data(&got)
	for _, path := range []string{"/api/refresh", "/api/auth/refresh"} {
		w.nobody().post(path, map[string]string{"refresh_token": got.RefreshToken}).want(http.StatusOK).data(&got)
	}
	w.tokens[name] = got.AccessToken
}

func accountSteps() []step {
	const zoe, bob = "zoe@example.com", "bob@example.com"
	return []step{
		{"mail a code and check a name", true, func(w *everything) {
			w.okForm("/api/auth/user/check_register", "username", "zoe", "email", zoe)
			w.code(codeToRegister, zoe)
		}},
		{"register", false, func(w *everything) {
			w.register("zoe", zoe, w.codes(zoe)[0]).want(http.StatusOK)
			w.ids["zoe"] = w.text("SELECT id FROM users WHERE username = 'zoe'")
		}},
		{"create a user", false, func(w *everything) {
			w.okPost("admin", "/api/admin/users", map[string]string{"username": "dave", "email": "dave@example.com", "password": password})
			w.ids["dave"] = w.text("SELECT id FROM users WHERE username = 'dave'")
		}},
		{"give a role", false, func(w *everything) {
			w.okPut("root", w.onUser("dave", "/role"), map[string]string{"role": "moderator"})
		}},
		{"mute", false, func(w *everything) { w.okPost("admin", w.onUser("bob", "/mute"), sanction("1d")) }},
		{"unmute", false, func(w *everything) { w.okPost("admin", w.onUser("bob", "/unmute"), nil) }},
		{"ban", false, func(w *everything) { w.okPost("admin", w.onUser("bob", "/ban"), sanction("7d")) }},
		{"unban", false, func(w *everything) {
			w.okPost("admin", w.onUser("bob", "/unban"), nil)
			w.again("bob", password) // what they had has ended with the ban
		}},
		{"a password", false, func(w *everything) {
			w.okPut("bob", "/api/users/me/password", map[string]string{"current_password": password, "new_password": newPassword, "confirm_password": newPassword})
		}},
		{"log in again, and refresh", false, func(w *everything) { w.again("bob", newPassword) }},
		{"reset a password", false, func(w *everything) { w.reset(bob, w.code(codeToReset, bob)).want(http.StatusOK) }},
		{"log in after that", false, func(w *everything) { w.again("bob", newPassword) }},
		{"log out", false, func(w *everything) { w.okPost("bob", "/api/auth/logout", nil) }},
		{"log in once more", false, func(w *everything) { w.again("bob", newPassword) }},
		{"a picture", false, func(w *everything) { w.as("bob").picture("me.png", w.plain("png", red)).avatar() }},
		{"another picture", false, func(w *everything) { w.as("bob").picture("me.jpg", w.plain("jpg", teal)).avatar() }},
		{"no picture any more", false, func(w *everything) { w.okDel("alice", myAvatar) }},
		{"another name, by SQL", false, func(w *everything) { w.exec("UPDATE users SET username = 'robert' WHERE username = 'bob'") }},
		{"the name he had, by SQL", false, func(w *everything) { w.exec("UPDATE users SET username = 'bob' WHERE username = 'robert'") }},
		{"the dictionary", false, func(w *everything) {
			path, old := filepath.Join(w.dir, "dictionary.json"), time.Now().Add(-time.Hour)
			if err := os.WriteFile(path, []byte(`{"tokens":{"nickname":"昵称"}}`), 0o600); err != nil {
				w.Fatal(err)
			}
			if err := os.Chtimes(path, old, old); err != nil {
				w.Fatal(err)
			}
		}},
		{"judge a text", true, func(w *everything) {
			w.okPost("alice", "/api/moderation/check", map[string]string{"text": "hello", "text_type": "comment"})
		}},
		{"reset the cache's counters", true, func(w *everything) { w.okPost("admin", "/api/admin/cache/stats/reset", nil) }},
		{"invalidate", true, func(w *everything) { w.okPost("admin", invalidatePath, map[string]any{"resource": "persona"}) }},
	}
}

// itemSteps are about items of the site's kind.
func itemSteps() []step {
	item := func(w *everything, c card, rest string) string { return w.item(c.ID) + rest }
	items := func(w *everything) cards { return w.of[w.kind] }
	return []step{
		{"upload", false, func(w *everything) { w.newCard("alice", "another") }},
		{"upload for review", false, func(w *everything) { w.newPending("alice", "p-another") }},
		{"change a private one", false, func(w *everything) {
			w.okPut("alice", item(w, items(w).private, ""), map[string]any{"description": "changed", "tags": "new"})
		}},
		{"change a public one", false, func(w *everything) {
			w.okPut("alice", item(w, items(w).public, ""), map[string]any{"content": "changed"})
		}},
		{"star", false, func(w *everything) { w.okPost("bob", item(w, items(w).public, "/star"), nil) }},
		{"star again", false, func(w *everything) { w.okPost("bob", item(w, items(w).public, "/star"), nil) }},
		{"take a star back", false, func(w *everything) { w.okDel("moderator", item(w, items(w).public, "/star")) }},
		{"download", false, func(w *everything) { w.nobody().once(item(w, items(w).public, "/download")).want(http.StatusOK) }},
		{"add a file", false, func(w *everything) {
			more := config("version = '2.0'")
			if w.kind == "knowledge" {
				more.name = "more.json"
			}
			w.as("alice").upload(item(w, items(w).private, "/files"), nil, more).want(http.StatusOK)
		}},
		{"ask for review", false, func(w *everything) {
			w.okPut("alice", item(w, items(w).private, ""), map[string]any{"is_pending": true})
		}},
		{"reject", false, func(w *everything) {
			w.okPost("admin", w.review(items(w).private.ID)+"/reject", map[string]string{"reason": "r"})
		}},
		{"approve", false, func(w *everything) { w.okPost("moderator", w.review(items(w).pending.ID)+"/approve", nil) }},
		{"publish directly", false, func(w *everything) {
			w.okPut("moderator", item(w, items(w).rejected, ""), map[string]any{"is_public": true})
		}},
		{"delete the last file", false, func(w *everything) {
			c := w.newCard("alice", "short-lived")
			w.okDel("alice", item(w, c, "/"+w.detail("alice", c.ID).Files[0].FileID))
			for _, f := range w.detail("alice", items(w).private.ID).Files {
				w.okDel("alice", item(w, items(w).private, "/"+f.FileID))
			}
		}},
		{"comment", false, func(w *everything) { w.commentOn(w.kind, "bob", items(w).public.ID, "") }},
		{"answer", false, func(w *everything) { w.commentOn(w.kind, "alice", items(w).public.ID, w.comments[w.kind][0]) }},
		{"like", false, func(w *everything) { w.react("alice", w.comments[w.kind][0], "like") }},
		{"think better of it", false, func(w *everything) { w.react("moderator", w.comments[w.kind][0], "dislike") }},
		{"forget it", false, func(w *everything) { w.react("moderator", w.comments[w.kind][0], "clear") }},
		{"delete a comment", false, func(w *everything) { w.okDel("bob", aComment(w.comments[w.kind][0])) }},
		{"restore it", false, func(w *everything) { w.okPost("bob", aComment(w.comments[w.kind][0])+"/restore", nil) }},
	}
}

func talkSteps() []step {
	return []step{
		{"send a message", false, func(w *everything) { w.mail("alice", "bob", "second") }},
		{"send one to several", false, func(w *everything) {
			w.sent(w.trySend("root", map[string]any{"recipient_ids": []string{w.ids["alice"], w.ids["bob"]}}))
		}},
		{"announce", false, func(w *everything) { w.announce("admin", "second announcement") }},
		{"read a message", false, func(w *everything) { w.okPost("alice", aMessage(w.written)+"/read", nil) }},
		{"delete a message", false, func(w *everything) { w.okDel("alice", aMessage(w.written)) }},
		{"read an announcement", false, func(w *everything) { w.okPost("bob", aMessage(w.copies["bob"])+"/read", nil) }},
		{"change an announcement", false, func(w *everything) {
			w.okPut("moderator", aMessage(w.copies["root"]), map[string]string{"title": "changed"})
		}},
		{"delete one's copy", false, func(w *everything) { w.okDel("bob", aMessage(w.copies["bob"])) }},
		{"delete an announcement", false, func(w *everything) { w.okDel("moderator", aMessage(w.copies["root"])) }},
	}
}

// endSteps take away what there is.
func endSteps() []step {
	remove := func(kind string, as string, which func(cards) card) func(w *everything) {
		return func(w *everything) { w.okDel(as, "/api/"+kind+"/"+which(w.of[kind]).ID) }
	}
	var steps []step
	for _, kind := range bothKinds {
		steps = append(steps,
			step{kind + ": delete a public one", false, remove(kind, "alice", func(c cards) card { return c.public })},
			step{kind + ": delete another's, as admin", false, remove(kind, "admin", func(c cards) card { return c.rejected })})
	}
	return append(steps,
		step{"delete items in bulk, by SQL", false, func(w *everything) { w.exec("DELETE FROM persona_cards WHERE uploader_id = ?", w.ids["alice"]) }},
		step{"delete a user, and by cascade what is his", false, func(w *everything) { w.okDel("root", w.onUser("bob", "")) }},
		step{"demote a moderator", false, func(w *everything) {
			w.okPut("root", w.onUser("moderator", "/role"), map[string]string{"role": "user"})
		}},
	)
}
