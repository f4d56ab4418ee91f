package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

func TestSessions(t *testing.T) { onEach(t, testSessions) }

func testSessions(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, root := user(t, s, "ann", notebook.RoleUser), user(t, s, "root", notebook.RoleAdmin)
	begin := func(now time.Time) *notebook.Session { return must(s.BeginSession(ctx, ann.ID, "here", now))(t) }
	gone := func(what string, id string) {
		t.Helper()
		if _, err := s.Session(ctx, id); !errors.Is(err, notebook.ErrInvalidToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	one, two := begin(epoch), begin(epoch)
	if client := must(s.LoginClient(ctx, ann.ID))(t); client != "here" {
		t.Errorf("the last login came from %q", client)
	}
	if next := must(s.ExchangeSession(ctx, one.ID, 0, epoch.Add(time.Hour)))(t); next.Generation != 1 || !next.ExpiresAt.Equal(epoch.Add(time.Hour+notebook.SessionLife)) {
		t.Errorf("%+v", next)
	}
	if _, err := s.ExchangeSession(ctx, one.ID, 0, epoch); !errors.Is(err, notebook.ErrInvalidToken) {
		t.Errorf("a token was exchanged twice: %v", err)
	}
	gone("after the second exchange", one.ID)
	must(s.Session(ctx, two.ID))(t)
	if err := s.EndSession(ctx, two.ID); err != nil {
		t.Fatal(err)
	}
	gone("after its end", two.ID)
	old := begin(epoch)
	begin(epoch.Add(notebook.SessionLife))
	gone("that was over", old.ID)
	first := begin(epoch.Add(notebook.SessionLife))
	for n := range notebook.MaxSessions {
		begin(epoch.Add(notebook.SessionLife + time.Duration(n+1)*time.Microsecond))
	}
	gone("the oldest of too many", first.ID)
	if n := count(t, s, `SELECT count(*) FROM sessions`); n != notebook.MaxSessions {
		t.Errorf("%d sessions", n)
	}
	// A ban ends them, for good.
	must(s.ManageUser(ctx, root.ID, ann.ID, epoch, func(_, u *notebook.User) (notebook.Notice, error) {
		return u.Ban(notebook.Sanction{Reason: "spam"}), nil
	}))(t)
	if n := count(t, s, `SELECT count(*) FROM sessions`); n != 0 {
		t.Errorf("%d sessions of a banned user", n)
	}
	begin(epoch)
	if err := s.SetPassword(ctx, must(s.User(ctx, ann.ID))(t), "new"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, `SELECT count(*) FROM sessions`); n != 0 {
		t.Errorf("%d sessions after a new password", n)
	}
}

// Names that look alike are taken; those that were there before stay.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	s, ctx := openSQLite(t), t.Context()
	user(t, s, "alice", notebook.RoleUser)
	for _, name := range []string{"Alice", "alıce", "аlice", "ａｌｉｃｅ"} {
		_, err := s.CreateUser(ctx, notebook.NewUser{Username: name, Email: "other@example.com", Role: notebook.RoleUser}, epoch)
		if !errors.Is(err, notebook.ErrUsernameTaken) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if u, err := s.UserNamed(ctx, "ａｌｉｃｅ"); err != nil || u.Username != "alice" {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := s.DB().ExecContext(ctx, `UPDATE users SET username_key = NULL`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().ExecContext(ctx, `INSERT INTO users (id, username, email, hashed_password, created_at) VALUES ('2', 'Alice', 'alice2@example.com', 'x', 9223372036854775)`); err != nil {
		t.Fatal(err)
	}
	again := must(store.New(ctx, s.DB()))(t)
	for _, name := range []string{"alice", "Alice"} {
		if u, err := again.UserNamed(ctx, name); err != nil || u.Username != name {
			t.Errorf("%q: %+v %v", name, u, err)
		}
	}
	if n := count(t, again, `SELECT count(*) FROM users WHERE username_key = 'alice' AND username = 'alice'`); n != 1 {
		t.Error("who was there first has no key")
	}
}
