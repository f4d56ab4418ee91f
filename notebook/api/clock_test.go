package api

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/service"
)

// What ends by the clock alone ends on time, also where the answer is stored.
// The clock is simulated, the cache's own included.
func TestWhatEndsByTheClock(t *testing.T) {
	t.Parallel()
	const mine = "/api/users/me"
	stored := func(s *site, token string) {
		s.Helper()
		s.get(mine, token)
		if w := s.get(mine, token); !hit(w) {
			s.Fatalf("%d %q", w.Code, w.Header().Get("Cache-Status"))
		}
	}
	for _, test := range []struct {
		name string
		do   func(t *testing.T, s *site)
	}{
		{"an access token", func(_ *testing.T, s *site) {
			_, ann := s.user("ann", notebook.RoleUser)
			time.Sleep(service.AccessLife - time.Second)
			stored(s, ann)
			time.Sleep(time.Second)
			s.wantFailure(s.get(mine, ann), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
		}},
		{"a lock", func(t *testing.T, s *site) {
			s.user("ann", notebook.RoleUser)
			for range notebook.MaxFailedLogins {
				s.wantFailure(s.fill("/api/auth/token", "username", "ann", "password", "guess"), 401, "AUTHENTICATION_ERROR", "CREDENTIALS_INVALID")
			}
			time.Sleep(notebook.LockDuration - time.Second)
			s.wantFailure(s.fill("/api/auth/token", "username", "ann", "password", password), 401, "AUTHENTICATION_ERROR", "ACCOUNT_LOCKED")
			time.Sleep(time.Second)
			if w := s.fill("/api/auth/token", "username", "ann", "password", password); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}},
		{"a code", func(_ *testing.T, s *site) {
			s.user("ann", notebook.RoleUser)
			s.want200(s.fill(sendReset, "email", "ann@example.com"))
			code := s.code("ann@example.com")
			time.Sleep(notebook.CodeLife)
			s.wantFailure(s.fill(reset, "email", "ann@example.com", "verification_code", code, "new_password", "better34"), 422, "VALIDATION_ERROR", "CODE_INVALID")
			s.want200(s.fill(sendReset, "email", "ann@example.com"))
			code = s.code("ann@example.com")
			time.Sleep(notebook.CodeLife - time.Second)
			s.want200(s.fill(reset, "email", "ann@example.com", "verification_code", code, "new_password", "better34"))
		}},
		{"five codes an hour", func(_ *testing.T, s *site) {
			for range notebook.MaxCodesPerHour {
				s.want200(s.fill(sendRegister, "email", "ann@example.com"))
				time.Sleep(notebook.CodePause)
			}
			s.wantFailure(s.fill(sendRegister, "email", "ann@example.com"), 429, "RATE_LIMIT_ERROR", "CODE_TOO_OFTEN")
			time.Sleep(time.Hour - notebook.MaxCodesPerHour*notebook.CodePause)
			s.want200(s.fill(sendRegister, "email", "ann@example.com"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test.do(t, newSite(t)) })
		})
	}
}
