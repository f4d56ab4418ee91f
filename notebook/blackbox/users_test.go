package blackbox_test

import (
	"net/http"
	"net/url"
	"testing"
)

type me struct{ ID, Username, Email, Role string }

func TestUsers(t *testing.T) {
	const token, mine = "/api/auth/token", "/api/users/me"
	type tokens struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
		User         struct {
			me
			IsAdmin      bool `json:"is_admin"`
			IsModerator  bool `json:"is_moderator"`
			IsSuperAdmin bool `json:"is_super_admin"`
		}
	}
	who := func(v visitor) string {
		var got me
		v.get(mine).want(http.StatusOK).data(&got)
		return got.Username
	}
	behave(t, []behaviour{
		{"log in with JSON or with a form", func(s *site) {
			var a, b tokens
			s.nobody().post(token, map[string]string{"username": "moderator", "password": password}).want(http.StatusOK).data(&a)
			s.nobody().form(token, url.Values{"username": {"moderator"}, "password": {password}}).want(http.StatusOK).data(&b)
			for _, got := range []tokens{a, b} {
				s.equal("name", got.User.Username, "moderator")
				s.equal("role", got.User.Role, "moderator")
				s.equal("moderator", got.User.IsModerator, true)
				s.equal("admin", got.User.IsAdmin, false)
				s.equal("valid for seconds", got.ExpiresIn, 15*60)
				s.equal("me", who(visitor{s, got.AccessToken}), "moderator")
			}
		}},
		{"a wrong password and an unknown name are the same 401", func(s *site) {
			a := s.nobody().post(token, map[string]string{"username": "alice", "password": "Wrong-Horse-1"}).want(http.StatusUnauthorized)
			b := s.nobody().post(token, map[string]string{"username": "zoe", "password": "Wrong-Horse-1"}).want(http.StatusUnauthorized)
			a.code("CREDENTIALS_INVALID")
			b.code("CREDENTIALS_INVALID")
		}},
		{"a missing field is 422", func(s *site) {
			s.nobody().post(token, map[string]string{"username": "alice"}).want(http.StatusUnprocessableEntity)
			s.nobody().form(token, url.Values{"password": {password}}).want(http.StatusUnprocessableEntity)
		}},
		{"five wrong passwords lock the account", func(s *site) {
			for range 5 {
				s.nobody().post(token, map[string]string{"username": "alice", "password": "Wrong-Horse-1"}).want(http.StatusUnauthorized)
			}
			s.nobody().post(token, map[string]string{"username": "alice", "password": password}).want(http.StatusUnauthorized).code("ACCOUNT_LOCKED")
		}},
		{"a refresh token gives an access token", func(s *site) {
			var first, second tokens
			s.nobody().post(token, map[string]string{"username": "alice", "password": password}).want(http.StatusOK).data(&first)
			s.nobody().post("/api/auth/refresh", map[string]string{"refresh_token": first.RefreshToken}).want(http.StatusOK).data(&second)
			s.equal("me", who(visitor{s, second.AccessToken}), "alice")
			s.nobody().post("/api/auth/refresh", map[string]string{"refresh_token": first.AccessToken}).want(http.StatusUnauthorized)
			visitor{s, first.RefreshToken}.get(mine).want(http.StatusUnauthorized)
		}},
		{"everybody sees himself", func(s *site) {
			for range 2 {
				for _, p := range everybody {
					s.equal("me", who(s.as(p.name)), p.name)
				}
				s.nobody().get(mine).want(http.StatusUnauthorized)
				visitor{s, "garbage"}.get(mine).want(http.StatusUnauthorized)
			}
		}},
		{"a new password revokes all tokens", func(s *site) {
			old := s.tokens["alice"]
			var got tokens
			s.nobody().post(token, map[string]string{"username": "alice", "password": password}).want(http.StatusOK).data(&got)
			s.equal("me", who(s.as("alice")), "alice")
			change := func(current, next, confirm string) answer {
				return s.as("alice").put("/api/users/me/password", map[string]string{
					"current_password": current, "new_password": next, "confirm_password": confirm,
				})
			}
			change(password, "New-Horse-22", "Other-Horse-22").want(http.StatusUnprocessableEntity)
			change(password, "weak", "weak").want(http.StatusUnprocessableEntity)
			change("Wrong-Horse-1", "New-Horse-22", "New-Horse-22").want(http.StatusUnauthorized)
			s.equal("me", who(s.as("alice")), "alice")
			change(password, "New-Horse-22", "New-Horse-22").want(http.StatusOK)
			visitor{s, old}.get(mine).want(http.StatusUnauthorized)
			visitor{s, got.AccessToken}.get(mine).want(http.StatusUnauthorized)
			s.nobody().post("/api/auth/refresh", map[string]string{"refresh_token": got.RefreshToken}).want(http.StatusUnauthorized)
			s.nobody().post(token, map[string]string{"username": "alice", "password": password}).want(http.StatusUnauthorized)
			s.nobody().post(token, map[string]string{"username": "alice", "password": "New-Horse-22"}).want(http.StatusOK)
		}},
		{"admins make users, the super admin makes admins", func(s *site) {
			make := func(by, name, role string) answer {
				return s.as(by).post("/api/admin/users", map[string]string{"username": name, "email": name + "@example.com", "password": password, "role": role})
			}
			make("admin", "用户一", "user").want(http.StatusOK)
			s.logIn("用户一")
			s.equal("me", who(s.as("用户一")), "用户一")
			make("admin", "zed", "admin").want(http.StatusForbidden)
			make("root", "zed", "admin").want(http.StatusOK)
			make("root", "god", "super_admin").want(http.StatusUnprocessableEntity)
			make("moderator", "yan", "user").want(http.StatusForbidden)
			make("admin", "alice", "user").want(http.StatusConflict)
			s.nobody().post("/api/admin/users", map[string]string{"username": "x", "email": "x@example.com", "password": password}).want(http.StatusUnauthorized)
		}},
	})
}
