package api

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/service"
)

// A mute and a ban end by the clock alone. What was answered before, and is in
// the cache, ends with them: not later, and not much earlier either.
func TestSanctionsEndByTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		annID, _ := s.user("ann", notebook.RoleUser)
		bobID, _ := s.user("bob", notebook.RoleUser)
		adminID, _ := s.user("admin", notebook.RoleAdmin)
		begin := func(id string) string {
			begun, err := s.store.BeginSession(unstale.Outside(t.Context()), id, "a test", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return begun.ID
		}
		// Tokens live for minutes, a mute for a day.
		token := func(id string) string {
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
				"sub": id, "type": service.AccessToken, "pwd_ver": 0, "sid": begin(id), "exp": jwt.NewNumericDate(time.Now().Add(48 * time.Hour)),
			}).SignedString([]byte(secret))
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		ann, admin := token(annID), token(adminID)
		type user struct {
			Username    string
			IsMuted     bool       `json:"is_muted"`
			MutedUntil  *time.Time `json:"muted_until"`
			MuteReason  *string    `json:"mute_reason"`
			IsBanned    bool       `json:"is_banned"`
			BannedUntil *time.Time `json:"banned_until"`
		}
		me := func() (u user, fromCache bool) {
			var got struct{ Data user }
			w := s.get("/api/users/me", ann)
			s.decode(w, &got)
			return got.Data, hit(w)
		}
		list := func() (users map[string]user, fromCache bool) {
			var got struct{ Data []user }
			w := s.get("/api/admin/users", admin)
			s.decode(w, &got)
			users = map[string]user{}
			for _, u := range got.Data {
				users[u.Username] = u
			}
			return users, hit(w)
		}
		const sanction = `{"duration":"1d","reason":"spam"}`
		began := time.Now()
		if w := s.json("POST", "/api/admin/users/"+annID+"/mute", admin, sanction); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		time.Sleep(time.Hour)
		if w := s.json("POST", "/api/admin/users/"+bobID+"/ban", admin, sanction); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}

		bob := token(bobID) // one from before has ended with the ban, for good

		// Shortly before the end: what is stored now would live on for minutes.
		time.Sleep(time.Until(began.Add(24*time.Hour - 2*time.Second)))
		me()
		list()
		time.Sleep(2*time.Second - time.Millisecond)
		if u, cached := me(); !u.IsMuted || !u.MutedUntil.Equal(began.Add(24*time.Hour)) || !cached {
			t.Errorf("a moment before the end: %+v, from the cache: %v", u, cached)
		}
		if u, cached := list(); !u["ann"].IsMuted || *u["ann"].MuteReason != "spam" || !cached {
			t.Errorf("a moment before the end: %+v, from the cache: %v", u, cached)
		}
		time.Sleep(time.Millisecond)
		if u, _ := me(); u.IsMuted || u.MutedUntil != nil {
			t.Errorf("the mute is over: %+v", u)
		}
		if u, _ := list(); u["ann"].IsMuted || u["ann"].MuteReason != nil || !u["bob"].IsBanned {
			t.Errorf("the mute is over: %+v", u)
		}

		time.Sleep(time.Until(began.Add(25*time.Hour - time.Second)))
		list()
		time.Sleep(time.Second - time.Millisecond)
		if u, cached := list(); !u["bob"].IsBanned || !u["bob"].BannedUntil.Equal(began.Add(25*time.Hour)) || !cached {
			t.Errorf("a moment before the end: %+v, from the cache: %v", u, cached)
		}
		if w := s.get("/api/users/me", bob); w.Code != http.StatusUnauthorized {
			t.Errorf("a banned user is let in: %d", w.Code)
		}
		time.Sleep(time.Millisecond)
		if w := s.get("/api/users/me", bob); w.Code != http.StatusOK {
			t.Errorf("the ban is over: %d %s", w.Code, w.Body)
		}
		if u, _ := list(); u["bob"].IsBanned || u["bob"].BannedUntil != nil {
			t.Errorf("the ban is over: %+v", u)
		}
	})
}

// So does a lock by failed logins, which admins see as they see a ban.
func TestLocksEndByTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		ann, _ := s.user("ann", notebook.RoleUser)
		for range notebook.MaxFailedLoginsOfAll { // of many clients
			if err := s.store.RecordLogin(unstale.Outside(t.Context()), ann, false, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(notebook.LockDuration - time.Second)
		_, admin := s.user("admin", notebook.RoleAdmin) // whose token is new
		locked := func() (locked, fromCache bool) {
			var got struct {
				Data []struct{ LockedUntil *time.Time }
			}
			w := s.get("/api/admin/users?search=ann", admin)
			s.decode(w, &got)
			if len(got.Data) != 1 {
				t.Fatal(w.Body)
			}
			return got.Data[0].LockedUntil != nil, hit(w)
		}
		locked()
		if yes, fromCache := locked(); !yes || !fromCache {
			t.Errorf("before its end: locked %v, from the cache %v", yes, fromCache)
		}
		time.Sleep(time.Second)
		if yes, _ := locked(); yes {
			t.Error("the lock is shown after its end")
		}
	})
}
