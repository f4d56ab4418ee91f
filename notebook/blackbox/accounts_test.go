package blackbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

// A postOffice keeps the mail of a site.
type postOffice struct {
	mu    sync.Mutex
	mails []notebook.Mail
}

// Send implements api.Mailer.
func (b *postOffice) Send(_ context.Context, m notebook.Mail) error {
	b.Post(m)
	return nil
}

// Post implements api.Mailer.
func (b *postOffice) Post(m notebook.Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, m)
}

// codes returns the codes that were mailed to the address, the oldest first.
func (s *site) codes(to string) (codes []string) {
	s.Helper()
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	for _, m := range s.post.mails {
		if m.To == to {
			codes = append(codes, regexp.MustCompile(`[0-9]{6}`).FindString(m.Text))
		}
	}
	return codes
}

// code asks for a code in the way of the path and returns it.
func (s *site) code(path, to string) string {
	s.Helper()
	before := len(s.codes(to))
	s.nobody().form(path, url.Values{"email": {to}}).want(http.StatusOK)
	codes := s.codes(to)
	if len(codes) != before+1 {
		s.Fatalf("%d mails to %s, then %d", before, to, len(codes))
	}
	return codes[before]
}

// pass lets the site's clock go on.
func (s *site) pass(d time.Duration) { s.ahead.Add(int64(d)) }

const (
	codeToRegister = "/api/auth/send_verification_code"
	codeToReset    = "/api/auth/send_reset_password_code"
	newPassword    = "New-Horse-22"
)

func (s *site) register(name, email, code string) answer {
	s.Helper()
	return s.nobody().form("/api/auth/user/register", url.Values{
		"username": {name}, "password": {password}, "email": {email}, "verification_code": {code},
	})
}

func (s *site) reset(email, code string) answer {
	s.Helper()
	return s.nobody().form("/api/auth/reset_password", url.Values{"email": {email}, "verification_code": {code}, "new_password": {newPassword}})
}

func (s *site) tryLogIn(name, password string) answer {
	s.Helper()
	return s.nobody().form("/api/auth/token", url.Values{"username": {name}, "password": {password}})
}

// another returns a code that is not this one.
func another(code string) string {
	n, _ := strconv.Atoi(code)
	return fmt.Sprintf("%06d", (n+1)%1_000_000)
}

func TestAccounts(t *testing.T) {
	const zoe, alice = "zoe@example.com", "alice@example.com"
	const mine = "/api/users/me"
	behave(t, []behaviour{
		{"who has registered is there in the next read", func(s *site) {
			list := "/api/persona/public?uploader_id=zoe"
			s.equal("cards before", s.nobody().get(list).page().Pagination.Total, 0)
			s.register("zoe", zoe, s.code(codeToRegister, zoe)).want(http.StatusOK)
			s.logIn("zoe")
			var got me
			s.as("zoe").get(mine).want(http.StatusOK).data(&got)
			s.equal("name", got.Username, "zoe")
			s.equal("address", got.Email, zoe)
			s.equal("role", got.Role, "user")
			s.newPublic("zoe", "Mai")
			s.equal("cards after", s.nobody().get(list).page().names(), "Mai")
		}},
		{"a name or an address that is taken is 422", func(s *site) {
			check := func(name, email string) answer {
				return s.nobody().form("/api/auth/user/check_register", url.Values{"username": {name}, "email": {email}})
			}
			check("zoe", zoe).want(http.StatusOK)
			check("alice", zoe).want(http.StatusUnprocessableEntity).code("USERNAME_TAKEN")
			check("zoe", "Alice@Example.com").want(http.StatusUnprocessableEntity).code("EMAIL_TAKEN")
			code := s.code(codeToRegister, zoe)
			s.register("alice", zoe, code).want(http.StatusUnprocessableEntity).code("USERNAME_TAKEN")
			s.register("zoe", zoe, code).want(http.StatusOK)
			check("zoe", "yan@example.com").want(http.StatusUnprocessableEntity)
			check("yan", zoe).want(http.StatusUnprocessableEntity)
		}},
		{"a code does once, for one address, for one purpose, for two minutes", func(s *site) {
			code := s.code(codeToRegister, zoe)
			s.register("zoe", zoe, another(code)).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			s.register("zoe", "yan@example.com", code).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			s.register("zoe", zoe, code).want(http.StatusOK)
			s.register("zoe2", zoe, code).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			code = s.code(codeToRegister, alice)
			s.reset(alice, code).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			s.pass(notebook.CodePause)
			code = s.code(codeToReset, alice)
			s.pass(notebook.CodeLife)
			s.reset(alice, code).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			s.tryLogIn("alice", password).want(http.StatusOK)
		}},
		{"who has guessed five times may guess no more", func(s *site) {
			code := s.code(codeToReset, alice)
			for range notebook.MaxFailedLogins {
				s.reset(alice, another(code)).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			}
			s.reset(alice, code).want(http.StatusUnprocessableEntity).code("CODE_INVALID")
			s.as("alice").get(mine).want(http.StatusOK)
		}},
		{"one code a minute, five an hour", func(s *site) {
			for range notebook.MaxCodesPerHour {
				s.code(codeToReset, alice)
				refused := s.nobody().form(codeToReset, url.Values{"email": {alice}}).want(http.StatusTooManyRequests)
				refused.code("CODE_TOO_OFTEN")
				if n, err := strconv.Atoi(refused.header.Get("Retry-After")); err != nil || n < 1 || n > 3600 {
					s.Errorf("Retry-After: %q", refused.header.Get("Retry-After"))
				}
				s.pass(notebook.CodePause)
			}
			s.nobody().form(codeToReset, url.Values{"email": {alice}}).want(http.StatusTooManyRequests)
			s.code(codeToRegister, zoe)
			s.pass(time.Hour)
			s.code(codeToReset, alice)
		}},
		{"a reset revokes all tokens, in the next read", func(s *site) {
			var got struct {
				RefreshToken string `json:"refresh_token"`
			}
			s.tryLogIn("alice", password).want(http.StatusOK).data(&got)
			own := "/api/persona/user/" + s.ids["alice"]
			s.as("alice").get(mine).want(http.StatusOK)
			s.as("alice").get(own).want(http.StatusOK)
			s.reset(alice, s.code(codeToReset, alice)).want(http.StatusOK)
			s.as("alice").once(mine).want(http.StatusUnauthorized).code("TOKEN_INVALID")
			s.as("alice").once(own).want(http.StatusUnauthorized).code("TOKEN_INVALID")
			s.nobody().post("/api/auth/refresh", map[string]string{"refresh_token": got.RefreshToken}).want(http.StatusUnauthorized)
			s.as("bob").get(mine).want(http.StatusOK)
			s.tryLogIn("alice", password).want(http.StatusUnauthorized)
			s.tryLogIn("alice", newPassword).want(http.StatusOK)
		}},
		{"a reset opens an account that guesses have locked", func(s *site) {
			for range notebook.MaxFailedLogins {
				s.tryLogIn("alice", "Wrong-Horse-1").want(http.StatusUnauthorized).code("CREDENTIALS_INVALID")
			}
			s.tryLogIn("alice", password).want(http.StatusUnauthorized).code("ACCOUNT_LOCKED")
			s.reset(alice, s.code(codeToReset, alice)).want(http.StatusOK)
			s.tryLogIn("alice", newPassword).want(http.StatusOK)
		}},
		{"a lock ends after half an hour", func(s *site) {
			for range notebook.MaxFailedLogins {
				s.tryLogIn("alice", "Wrong-Horse-1").want(http.StatusUnauthorized)
			}
			s.pass(notebook.LockDuration - time.Minute)
			s.tryLogIn("alice", password).want(http.StatusUnauthorized).code("ACCOUNT_LOCKED")
			s.pass(time.Minute)
			s.tryLogIn("alice", password).want(http.StatusOK)
		}},
		{"a stored answer does not outlive the token", func(s *site) {
			s.as("alice").get(mine).want(http.StatusOK)
			s.pass(15*time.Minute + time.Second)
			s.as("alice").once(mine).want(http.StatusUnauthorized).code("TOKEN_INVALID")
		}},
		{"a reset says the same where nobody has the address", func(s *site) {
			there := s.nobody().form(codeToReset, url.Values{"email": {alice}}).want(http.StatusOK)
			nobody := s.nobody().form(codeToReset, url.Values{"email": {zoe}}).want(http.StatusOK)
			s.equal("answer", string(there.body), string(nobody.body))
			s.equal("mails to alice", len(s.codes(alice)), 1)
			s.equal("mails to zoe", len(s.codes(zoe)), 0)
			s.nobody().form(codeToReset, url.Values{"email": {zoe}}).want(http.StatusTooManyRequests)
			s.reset(zoe, "000000").want(http.StatusUnprocessableEntity).code("CODE_INVALID")
		}},
		{"thirty tries a minute from one address for one account, and others are let in meanwhile", func(s *site) {
			var last answer
			for n := 0; n < 200 && last.status != http.StatusTooManyRequests; n++ { // one more is allowed every two seconds
				last = s.tryLogIn("nobody", "wrong-1")
				if n < 30 {
					last.want(http.StatusUnauthorized)
				}
			}
			last.want(http.StatusTooManyRequests).code("TOO_MANY_REQUESTS")
			s.tryLogIn("alice", password).want(http.StatusOK)
			s.pass(time.Minute)
			s.tryLogIn("nobody", "wrong-1").want(http.StatusUnauthorized)
		}},
	})
}

// TestResetShowsInEveryRead resets a password while every GET is stored, and
// compares each with a site that has no cache.
func TestResetShowsInEveryRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	truth, reads := w.twin(), w.reads()
	for name, r := range reads {
		r.ask(w.site).want(http.StatusOK)
		if a := r.ask(w.site); !a.hit() {
			t.Errorf("%s: the second GET is no hit: %q", name, a.header.Get("Cache-Status"))
		}
	}
	w.reset("bob@example.com", w.code(codeToReset, "bob@example.com")).want(http.StatusOK)
	kept := 0
	for name, r := range reads {
		got, want := r.ask(w.site), r.ask(truth)
		if !same(got, want) {
			t.Errorf("%s is stale (%s): got %d, want %d", name, got.header.Get("Cache-Status"), got.status, want.status)
		}
		if own := r.as == "bob" && got.status == http.StatusOK; own && r.path == "/api/users/me" || r.as != "bob" && got.status != http.StatusOK {
			t.Errorf("%s: %d after the reset", name, got.status)
		}
		if got.hit() {
			kept++
		}
	}
	if kept == 0 {
		t.Error("nothing of what others see was kept")
	}
}
