package blackbox_test

import (
	"net/http"
	"testing"
)

// TestOwnAnswersReachNobodyElse asks for what only its owner may see, as people
// who may not: before anything is stored (cold) and while the owner's answer is
// (warm). What a stranger gets of his own must not be the owner's either.
func TestOwnAnswersReachNobodyElse(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cold", "warm"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			worlds(t, func(w *world) { w.ownAnswers(mode == "warm") })
		})
	}
}

func (w *world) ownAnswers(warmed bool) {
	warm := func(r read) {
		if warmed {
			r.ask(w.site).want(http.StatusOK)
			if a := r.ask(w.site); !a.hit() {
				w.Errorf("GET %s is no hit: %q", r.path, a.header.Get("Cache-Status"))
			}
		}
	}
	revoked := w.revoked("carol")
	for _, c := range []struct {
		read
		stranger int // what bob gets; 200 for an answer of his own
	}{
		{read{"alice", "/api/users/me"}, http.StatusOK},
		{read{"alice", "/api/users/stars"}, http.StatusOK},
		{read{"alice", "/api/user/stars"}, http.StatusOK},
		{read{"alice", w.path("user/") + w.ids["alice"]}, http.StatusForbidden},
		{read{"alice", w.item(w.private.ID)}, http.StatusForbidden},
		{read{"alice", w.item(w.pending.ID)}, http.StatusForbidden},
		{read{"alice", w.item(w.rejected.ID)}, http.StatusForbidden},
		{read{"alice", w.item(w.private.ID) + "/file/" + w.file(w.private)}, http.StatusForbidden},
		{read{"alice", "/api/users/me/upload-history"}, http.StatusOK},
		{read{"alice", "/api/users/me/upload-stats"}, http.StatusOK},
		{read{"alice", "/api/users/me/dashboard-stats"}, http.StatusOK},
		{read{"alice", "/api/users/me/dashboard-trends"}, http.StatusOK},
		{read{"moderator", w.item(w.public.ID) + "/starred"}, http.StatusOK},
		{read{"moderator", "/api/users/stars?include_details=true"}, http.StatusOK},
		{read{"moderator", w.review("pending")}, http.StatusForbidden},
		{read{"moderator", w.item(w.private.ID)}, http.StatusForbidden},
		{read{"admin", w.path("user/") + w.ids["alice"]}, http.StatusForbidden},
	} {
		warm(c.read)
		for range 2 { // the refusal must not open the door either
			w.nobody().once(c.path).want(http.StatusUnauthorized)
			for _, token := range []string{"garbage", "a.b.c", w.tokens["alice"] + "x", revoked, revoked + " "} {
				visitor{w.site, token}.once(c.path).want(http.StatusUnauthorized)
			}
			a := w.as("bob").once(c.path).want(c.stranger)
			if c.stranger == http.StatusOK && same(a, c.ask(w.site)) {
				w.Errorf("GET %s: bob got what is %s's: %s", c.path, c.as, a.body)
			}
		}
		c.ask(w.site).want(http.StatusOK)
	}
}

// revoked makes somebody and returns a token of his that is no longer valid,
// although its time has not come.
func (s *site) revoked(name string) string {
	s.Helper()
	s.as("root").post("/api/admin/users", map[string]string{
		"username": name, "email": name + "@example.com", "password": password, "role": "user",
	}).want(http.StatusOK)
	s.logIn(name)
	s.as(name).get("/api/users/me").want(http.StatusOK)
	s.as(name).put("/api/users/me/password", map[string]string{
		"current_password": password, "new_password": "New-Horse-22", "confirm_password": "New-Horse-22",
	}).want(http.StatusOK)
	return s.tokens[name]
}

// TestWhoLosesAPowerLosesItAtOnce takes away what somebody may see while his
// answers are stored.
func TestWhoLosesAPowerLosesItAtOnce(t *testing.T) {
	const demoted, banned, deleted = http.StatusForbidden, http.StatusUnauthorized, http.StatusUnauthorized
	var list []behaviour
	for _, c := range []struct {
		name, statement string
		status          int
	}{
		{"demoted", "UPDATE users SET is_moderator = FALSE WHERE username = 'moderator'", demoted},
		{"banned", "UPDATE users SET ban_reason = 'spam', locked_until = NULL WHERE username = 'moderator'", banned},
		{"made inactive", "UPDATE users SET is_active = FALSE WHERE username = 'moderator'", banned},
		{"given a new password", "UPDATE users SET password_version = password_version + 1 WHERE username = 'moderator'", banned},
		{"deleted", "DELETE FROM users WHERE username = 'moderator'", deleted},
	} {
		list = append(list, behaviour{c.name, func(s *site) {
			private, pending := s.newCard("alice", "private"), s.newPending("alice", "pending")
			paths := []string{
				s.review("pending"), s.item(private.ID), s.item(pending.ID),
				s.path("user/") + s.ids["alice"], s.item(private.ID) + "/file/" + s.detail("alice", private.ID).Files[0].FileID,
			}
			for _, path := range paths {
				s.as("moderator").get(path).want(http.StatusOK)
			}
			s.exec(c.statement)
			for _, path := range paths {
				s.as("moderator").once(path).want(c.status)
			}
			if c.status == demoted {
				s.as("moderator").get("/api/users/me").want(http.StatusOK)
			} else {
				s.as("moderator").get("/api/users/me").want(http.StatusUnauthorized)
			}
			s.as("admin").get(paths[0]).want(http.StatusOK)
		}})
	}
	behaveBoth(t, list)
}
