package blackbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// A managed user is what admins see of him.
type managed struct {
	ID, Username, Email, Role string
	IsActive                  bool       `json:"is_active"`
	IsMuted                   bool       `json:"is_muted"`
	MutedUntil                *time.Time `json:"muted_until"`
	MuteReason                string     `json:"mute_reason"`
	IsBanned                  bool       `json:"is_banned"`
	BannedUntil               *time.Time `json:"banned_until"`
	BanReason                 string     `json:"ban_reason"`
}

// managed reads a page of users.
func (a answer) managed() (users []managed, total int) {
	a.Helper()
	var page struct {
		Data       []managed
		Pagination struct{ Total int }
	}
	if err := json.Unmarshal(a.want(http.StatusOK).body, &page); err != nil {
		a.Fatal(err)
	}
	return page.Data, page.Pagination.Total
}

// listed returns a user as he stands in the admin's list.
func (s *site) listed(name string) managed {
	s.Helper()
	users, _ := s.as("admin").get("/api/admin/users").managed()
	i := slices.IndexFunc(users, func(u managed) bool { return u.Username == name })
	if i < 0 {
		return managed{}
	}
	return users[i]
}

// onUser is the path of something that is done to a user.
func (s *site) onUser(name, action string) string {
	return "/api/admin/users/" + s.ids[name] + action
}

// sanction is the input of a mute or a ban.
func sanction(duration string) map[string]string {
	return map[string]string{"duration": duration, "reason": "广告"}
}

// told fails the test unless the last message that somebody got contains text.
func (s *site) told(name, text string) {
	s.Helper()
	got := s.text("SELECT title || ' ' || content FROM messages WHERE recipient_id = ? ORDER BY created_at DESC LIMIT 1", s.ids[name])
	if !strings.Contains(got, text) {
		s.Errorf("%s is told %q, want %q", name, got, text)
	}
}

// about fails the test unless t lies this far ahead, give or take a minute.
func (s *site) about(t *time.Time, ahead time.Duration) {
	s.Helper()
	if t == nil || time.Until(*t) > ahead || time.Until(*t) < ahead-time.Minute {
		s.Errorf("it ends at %v, want in %v", t, ahead)
	}
}

func TestUserLists(t *testing.T) {
	const users, recent, stats = "/api/admin/users", "/api/admin/recent-users", "/api/admin/stats"
	names := func(a answer) string {
		var list []string
		users, _ := a.managed()
		for _, u := range users {
			list = append(list, u.Username)
		}
		return strings.Join(list, " ")
	}
	behave(t, []behaviour{
		{"are for admins", func(s *site) {
			for _, path := range []string{users, recent, stats} {
				s.as("admin").get(path).want(http.StatusOK)
				s.as("root").get(path).want(http.StatusOK)
				s.as("moderator").get(path).want(http.StatusForbidden)
				s.as("alice").get(path).want(http.StatusForbidden)
				s.nobody().get(path).want(http.StatusUnauthorized)
			}
		}},
		{"show who there is, newest first", func(s *site) {
			s.equal("users", names(s.as("admin").get(users)), "bob alice moderator admin")
			s.equal("newest", names(s.as("admin").get(recent+"?page_size=2")), "bob alice")
			_, total := s.as("admin").get(users + "?page=2&page_size=2").managed()
			s.equal("total", total, 4)
			s.equal("second page", names(s.as("admin").get(users+"?page=2&page_size=2")), "moderator admin")
			s.equal("beyond", names(s.as("admin").get(users+"?page=9")), "")
			for _, query := range []string{"page=0", "page=-7", "page_size=500", "role=king", "role="} {
				s.equal("users with "+query, names(s.as("admin").get(users+"?"+query)), "bob alice moderator admin")
			}
			s.equal("users with page_size=0", names(s.as("admin").get(users+"?page_size=0")), "bob")
			s.equal("newest with page_size=500", names(s.as("admin").get(recent+"?page_size=500&page=0")), "bob alice moderator admin root")
			s.as("admin").get(users + "?page=x").want(http.StatusUnprocessableEntity)
			a := s.as("admin").get(users)
			if strings.Contains(string(a.body), "password") || strings.Contains(string(a.body), "$2") {
				s.Errorf("%s", a.body)
			}
		}},
		{"search and filter", func(s *site) {
			for query, want := range map[string]string{
				"search=lic": "alice", "search=BOB@": "bob", "search=%25": "", "search=%27": "", "search=root": "", "role=user": "bob alice",
				"role=moderator": "moderator", "role=admin": "admin", "role=super_admin": "root", "role=user&search=b": "bob",
			} {
				s.equal("users with "+query, names(s.as("admin").get(users+"?"+query)), want)
			}
		}},
		{"a new user, and a new card, show at once", func(s *site) {
			counts := func() (got map[string]int) {
				s.as("admin").get(stats).want(http.StatusOK).data(&got)
				return got
			}
			s.equal("users", counts()["total_users"], 5)
			s.equal("newest", names(s.as("admin").get(recent+"?page_size=1")), "bob")
			s.as("admin").post(users, map[string]string{"username": "zoe", "email": "zoe@example.com", "password": password}).want(http.StatusOK)
			s.equal("users", counts()["total_users"], 6)
			s.equal("newest", names(s.as("admin").get(recent+"?page_size=1")), "zoe")
			s.equal("found", names(s.as("admin").get(users+"?search=zoe")), "zoe")
			s.newPending("alice", "Mai")
			s.equal("cards", counts()["total_personas"], 1)
			s.equal("in review", counts()["pending_personas"], 1)
			s.as("moderator").post("/api/review/persona/"+s.text("SELECT id FROM persona_cards")+"/approve", nil).want(http.StatusOK)
			s.equal("in review", counts()["pending_personas"], 0)
			s.equal("bases", counts()["total_knowledge"]+counts()["pending_knowledge"], 0)
		}},
	})
}

func TestManageUsers(t *testing.T) {
	type me struct {
		Role       string
		IsMuted    bool       `json:"is_muted"`
		MutedUntil *time.Time `json:"muted_until"`
	}
	own := func(s *site, name string) (got me) {
		s.Helper()
		s.as(name).get("/api/users/me").want(http.StatusOK).data(&got)
		return got
	}
	day := 24 * time.Hour
	durations := map[string]time.Duration{"1d": day, "7d": 7 * day, "30d": 30 * day}
	behave(t, []behaviour{
		{"who may act on whom", func(s *site) {
			do := func(by, on string) []answer {
				v := s.as(by)
				return []answer{
					v.post(s.onUser(on, "/mute"), sanction("1d")), v.post(s.onUser(on, "/unmute"), nil),
					v.post(s.onUser(on, "/ban"), sanction("1d")), v.post(s.onUser(on, "/unban"), nil),
					v.put(s.onUser(on, "/role"), map[string]string{"role": "user"}), v.del(s.onUser(on, "")),
				}
			}
			for _, c := range []struct {
				by, on string
				status int
			}{
				{"alice", "bob", 403}, {"moderator", "bob", 403}, {"alice", "root", 403}, {"moderator", "moderator", 403},
				{"admin", "root", 403}, {"admin", "admin", 403}, {"root", "root", 403}, {"admin", "bob", 200}, {"root", "admin", 200},
			} {
				for _, a := range do(c.by, c.on) {
					if a.status != c.status {
						s.Errorf("%s on %s: %s: %d, want %d: %s", c.by, c.on, a.request, a.status, c.status, a.body)
					}
				}
			}
			for _, a := range []answer{
				s.nobody().post(s.onUser("alice", "/ban"), sanction("1d")), s.nobody().put(s.onUser("alice", "/role"), map[string]string{"role": "user"}),
				s.nobody().del(s.onUser("alice", "")),
			} {
				a.want(http.StatusUnauthorized)
			}
			s.ids["ghost"] = unknownID
			for _, a := range do("root", "ghost") {
				a.want(http.StatusNotFound)
			}
		}},
		{"what makes no sense is 422", func(s *site) {
			for _, input := range []map[string]string{
				sanction("2d"), sanction(""), {"duration": "1d", "reason": strings.Repeat("x", 501)},
			} {
				s.as("admin").post(s.onUser("bob", "/mute"), input).want(http.StatusUnprocessableEntity)
				s.as("admin").post(s.onUser("bob", "/ban"), input).want(http.StatusUnprocessableEntity)
			}
			for _, role := range []string{"", "king", "super_admin"} {
				s.as("root").put(s.onUser("bob", "/role"), map[string]string{"role": role}).want(http.StatusUnprocessableEntity)
			}
			s.as("admin").post(s.onUser("bob", "/unmute"), nil).want(http.StatusOK)
			s.as("admin").post(s.onUser("bob", "/unban"), nil).want(http.StatusOK)
			s.equal("messages", s.count("messages", "recipient_id", s.ids["bob"]), 0)
		}},
		{"a sanction without a duration and a reason has the usual ones", func(s *site) {
			for _, input := range []map[string]string{{}, {"reason": " "}} {
				s.as("admin").post(s.onUser("bob", "/mute"), input).want(http.StatusOK)
				s.as("admin").post(s.onUser("bob", "/ban"), input).want(http.StatusOK)
				got := s.listed("bob")
				s.about(got.MutedUntil, 7*day)
				if got.BannedUntil != nil || !got.IsBanned || got.BanReason == "" || got.BanReason != got.MuteReason {
					s.Errorf("%+v", got)
				}
			}
		}},
		{"a lock by failed logins shows, and an admin ends it", func(s *site) {
			until := func() *time.Time {
				var got []struct{ LockedUntil *time.Time }
				s.as("admin").get("/api/admin/users?search=bob").want(http.StatusOK).data(&got)
				return got[0].LockedUntil
			}
			for n := range notebook.MaxFailedLoginsOfAll { // of many clients, and five of this one
				s.equal("locked", until() == nil, true)
				if n < notebook.MaxFailedLogins {
					s.tryLogIn("bob", "wrong-1").want(http.StatusUnauthorized)
				} else if err := s.store.RecordLogin(unstale.Outside(s.Context()), s.ids["bob"], false, time.Now()); err != nil {
					s.Fatal(err)
				}
			}
			s.about(until(), 30*time.Minute)
			s.equal("banned", s.listed("bob").IsBanned, false)
			s.tryLogIn("bob", password).want(http.StatusUnauthorized).code("ACCOUNT_LOCKED")
			s.as("admin").post(s.onUser("bob", "/unban"), nil).want(http.StatusOK)
			s.equal("locked", until() == nil, true)
			s.tryLogIn("bob", password).want(http.StatusOK)
			s.equal("messages", s.count("messages", "recipient_id", s.ids["bob"]), 0)
		}},
		{"a role shows at once, and gives its powers", func(s *site) {
			const review = "/api/review/persona/pending"
			s.as("bob").get(review).want(http.StatusForbidden)
			s.equal("role", own(s, "bob").Role, "user")
			s.as("admin").put(s.onUser("bob", "/role"), map[string]string{"role": "moderator"}).want(http.StatusOK)
			s.equal("role", own(s, "bob").Role, "moderator")
			s.equal("role", s.listed("bob").Role, "moderator")
			s.as("bob").get(review).want(http.StatusOK)
			s.told("bob", "审核员")
			s.as("admin").put(s.onUser("bob", "/role"), map[string]string{"role": "moderator"}).want(http.StatusOK)
			s.equal("messages about one change", s.count("messages", "recipient_id", s.ids["bob"]), 1)
			s.as("admin").put(s.onUser("bob", "/role"), map[string]string{"role": "user"}).want(http.StatusOK)
			s.as("bob").get(review).want(http.StatusForbidden)
			s.as("admin").put(s.onUser("bob", "/role"), map[string]string{"role": "admin"}).want(http.StatusForbidden)
			s.as("root").put(s.onUser("bob", "/role"), map[string]string{"role": "admin"}).want(http.StatusOK)
			s.as("bob").get("/api/admin/users").want(http.StatusOK)
			s.as("admin").put(s.onUser("bob", "/role"), map[string]string{"role": "user"}).want(http.StatusForbidden)
			s.as("root").put(s.onUser("bob", "/role"), map[string]string{"role": "user"}).want(http.StatusOK)
			s.as("bob").get("/api/admin/users").want(http.StatusForbidden)
		}},
		{"mute and unmute", func(s *site) {
			s.equal("muted", own(s, "bob").IsMuted, false)
			s.equal("muted", s.listed("bob").IsMuted, false)
			for duration, ahead := range durations {
				s.as("admin").post(s.onUser("bob", "/mute"), sanction(duration)).want(http.StatusOK)
				s.equal("muted", own(s, "bob").IsMuted, true)
				s.about(own(s, "bob").MutedUntil, ahead)
				s.about(s.listed("bob").MutedUntil, ahead)
			}
			s.told("bob", "广告")
			s.as("admin").post(s.onUser("bob", "/mute"), sanction("permanent")).want(http.StatusOK)
			if got := own(s, "bob"); !got.IsMuted || got.MutedUntil != nil {
				s.Errorf("%+v", got)
			}
			if got := s.listed("bob"); !got.IsMuted || got.MuteReason != "广告" || got.IsBanned {
				s.Errorf("%+v", got)
			}
			s.as("admin").post(s.onUser("bob", "/unmute"), nil).want(http.StatusOK)
			s.equal("muted", own(s, "bob"), me{Role: "user"})
			s.equal("muted", s.listed("bob").IsMuted, false)
			s.told("bob", "解除")
			s.equal("sender", s.text("SELECT DISTINCT sender_id FROM messages"), s.ids["admin"])
		}},
		{"a ban ends tokens at once, stored answers included", func(s *site) {
			var tokens struct {
				RefreshToken string `json:"refresh_token"`
			}
			login := map[string]string{"username": "bob", "password": password}
			s.nobody().post("/api/auth/token", login).want(http.StatusOK).data(&tokens)
			refresh := map[string]string{"refresh_token": tokens.RefreshToken}
			c := s.newCard("bob", "private")
			mine := []string{"/api/users/me", "/api/users/stars", "/api/persona/user/" + s.ids["bob"], persona(c.ID)}
			for duration, ahead := range durations {
				for _, path := range mine {
					s.as("bob").get(path).want(http.StatusOK)
				}
				s.as("admin").post(s.onUser("bob", "/ban"), sanction(duration)).want(http.StatusOK)
				for _, path := range mine {
					s.as("bob").once(path).want(http.StatusUnauthorized)
				}
				s.as("bob").put(persona(c.ID), map[string]string{"content": "x"}).want(http.StatusUnauthorized)
				s.nobody().post("/api/auth/refresh", refresh).want(http.StatusUnauthorized)
				s.nobody().post("/api/auth/token", login).want(http.StatusUnauthorized).code("ACCOUNT_BANNED")
				s.about(s.listed("bob").BannedUntil, ahead)
				s.as("admin").post(s.onUser("bob", "/unban"), nil).want(http.StatusOK)
				s.as("bob").once("/api/users/me").want(http.StatusUnauthorized) // for good
				s.logIn("bob")
			}
			s.as("admin").post(s.onUser("bob", "/ban"), sanction("permanent")).want(http.StatusOK)
			if got := s.listed("bob"); !got.IsBanned || got.BannedUntil != nil || got.BanReason != "广告" {
				s.Errorf("%+v", got)
			}
			s.as("bob").once("/api/users/me").want(http.StatusUnauthorized)
			s.as("admin").post(s.onUser("bob", "/unban"), nil).want(http.StatusOK)
			s.equal("banned", s.listed("bob").IsBanned, false)
			s.logIn("bob")
			for _, path := range mine {
				s.as("bob").get(path).want(http.StatusOK)
			}
			s.nobody().post("/api/auth/token", login).want(http.StatusOK)
			s.told("bob", "解封")
		}},
		{"a deleted user is gone, and so is all that was his", func(s *site) {
			c := s.newPublic("bob", "his")
			hers := s.newPublic("alice", "hers")
			s.as("bob").post(persona(hers.ID)+"/star", nil).want(http.StatusOK)
			address := s.as("bob").picture("me.png", s.plain("png", red)).avatar().AvatarURL
			s.nobody().get(address).image(200, red)
			s.nobody().get("/api/users/" + s.ids["bob"] + "/avatar").want(http.StatusOK)
			s.equal("public", s.list(s.nobody(), "/api/persona/public").Pagination.Total, 2)
			s.equal("stars", s.nobody().get(persona(hers.ID)).card().StarCount, 1)
			s.equal("name", s.listed("bob").Username, "bob")
			s.as("admin").del(s.onUser("bob", "")).want(http.StatusOK)
			s.as("bob").once("/api/users/me").want(http.StatusUnauthorized)
			s.nobody().get(address).want(http.StatusNotFound)
			s.nobody().get("/api/users/" + s.ids["bob"] + "/avatar").want(http.StatusNotFound)
			s.nobody().get(persona(c.ID)).want(http.StatusNotFound)
			s.equal("public", s.list(s.nobody(), "/api/persona/public").names(), "hers")
			s.equal("stars", s.nobody().get(persona(hers.ID)).card().StarCount, 0)
			s.equal("name", s.listed("bob").Username, "")
			s.equal("files", s.onDisk(), 1) // both cards had the same file
			for table, column := range map[string]string{"persona_cards": "uploader_id", "star_records": "user_id", "upload_records": "uploader_id", "messages": "recipient_id"} {
				s.equal("rows in "+table, s.count(table, column, s.ids["bob"]), 0)
			}
			s.nobody().post("/api/auth/token", map[string]string{"username": "bob", "password": password}).want(http.StatusUnauthorized)
		}},
	})
}
