package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

// mailed keeps a code for the address.
func mailed(t *testing.T, s *store.Store, email string, p notebook.Purpose, code string, now time.Time) {
	t.Helper()
	if err := s.AddVerification(t.Context(), email, "client", p, code, now); err != nil {
		t.Fatal(err)
	}
}

// register uses a code for a user of that name with the address name@example.com.
func register(t *testing.T, s *store.Store, name, code string, now time.Time) error {
	t.Helper()
	n := notebook.NewUser{Username: name, Email: name + "@Example.com", PasswordHash: "x", Role: notebook.RoleUser}
	u, err := s.Register(t.Context(), n, code, now)
	if (u == nil) != (err != nil) {
		t.Errorf("Register = %v, %v", u, err)
	}
	return err
}

func TestRegisterWithACode(t *testing.T) { onEach(t, testRegisterWithACode) }

func testRegisterWithACode(t *testing.T, open opener) {
	t.Parallel()
	const ann = "ann@example.com"
	for _, test := range []struct {
		name  string
		setup func(t *testing.T, s *store.Store)
		code  string
		after time.Duration
		want  error
	}{
		{"right", nil, "123456", 0, nil},
		{"right, at the last moment", nil, "123456", notebook.CodeLife - time.Microsecond, nil},
		{"too late", nil, "123456", notebook.CodeLife, notebook.ErrCodeInvalid},
		{"wrong", nil, "123457", 0, notebook.ErrCodeInvalid},
		{"part of it", nil, "12345", 0, notebook.ErrCodeInvalid},
		{"after as many wrong ones as may be, but one", func(t *testing.T, s *store.Store) { guess(t, s, notebook.MaxCodeTries-1) }, "123456", 0, nil},
		{"after as many as may be", func(t *testing.T, s *store.Store) { guess(t, s, notebook.MaxCodeTries) }, "123456", 0, notebook.ErrCodeInvalid},
		{"replaced by a newer one", func(t *testing.T, s *store.Store) {
			mailed(t, s, ann, notebook.PurposeRegister, "654321", epoch.Add(notebook.CodePause))
		}, "123456", notebook.CodePause, notebook.ErrCodeInvalid},
		{"the newer one", func(t *testing.T, s *store.Store) {
			mailed(t, s, ann, notebook.PurposeRegister, "654321", epoch.Add(notebook.CodePause))
		}, "654321", notebook.CodePause, nil},
		{"made to reset a password", func(t *testing.T, s *store.Store) {
			mailed(t, s, ann, notebook.PurposeReset, "654321", epoch.Add(notebook.CodePause))
		}, "654321", notebook.CodePause, notebook.ErrCodeInvalid},
		{"beside one to reset a password", func(t *testing.T, s *store.Store) {
			mailed(t, s, ann, notebook.PurposeReset, "654321", epoch.Add(notebook.CodePause))
		}, "123456", notebook.CodePause, nil},
		{"of somebody else", func(t *testing.T, s *store.Store) {
			mailed(t, s, "bob@example.com", notebook.PurposeRegister, "654321", epoch)
		}, "654321", 0, notebook.ErrCodeInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			mailed(t, s, ann, notebook.PurposeRegister, "123456", epoch)
			if test.setup != nil {
				test.setup(t, s)
			}
			now := epoch.Add(test.after)
			if err := register(t, s, "ann", test.code, now); !errors.Is(err, test.want) {
				t.Errorf("Register: %v, want %v", err, test.want)
			}
			if _, err := s.UserNamed(t.Context(), "ann"); (err == nil) != (test.want == nil) {
				t.Errorf("the user: %v", err)
			}
			if _, err := s.ResetPassword(t.Context(), ann, test.code, "y", now); test.want == nil && !errors.Is(err, notebook.ErrCodeInvalid) {
				t.Errorf("the code did for a reset as well: %v", err)
			}
		})
	}
}

func guess(t *testing.T, s *store.Store, times int) {
	t.Helper()
	for range times {
		if err := register(t, s, "ann", "000000", epoch); !errors.Is(err, notebook.ErrCodeInvalid) {
			t.Fatal(err)
		}
	}
}

func TestCodeIsUsedUpOnceItDid(t *testing.T) { onEach(t, testCodeIsUsedUpOnceItDid) }

func testCodeIsUsedUpOnceItDid(t *testing.T, open opener) {
	t.Parallel()
	s := open(t)
	user(t, s, "bob", notebook.RoleUser)
	mailed(t, s, "ann@example.com", notebook.PurposeRegister, "123456", epoch)
	n := notebook.NewUser{Username: "bob", Email: "ann@example.com", PasswordHash: "x", Role: notebook.RoleUser}
	if _, err := s.Register(t.Context(), n, "123456", epoch); !errors.Is(err, notebook.ErrUsernameTaken) {
		t.Fatal(err)
	}
	// Ann may think of another name and need no other code.
	if err := register(t, s, "ann", "123456", epoch); err != nil {
		t.Fatal(err)
	}
	n.Username = "eve"
	if _, err := s.Register(t.Context(), n, "123456", epoch); !errors.Is(err, notebook.ErrCodeInvalid) {
		t.Errorf("a code was used twice: %v", err)
	}
}

func TestCodesPerAddress(t *testing.T) { onEach(t, testCodesPerAddress) }

func testCodesPerAddress(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	send := func(email string, p notebook.Purpose, after time.Duration) (wait any) {
		err := s.AddVerification(ctx, email, "client", p, "123456", epoch.Add(after))
		var e *notebook.Error
		if errors.As(err, &e) && errors.Is(err, notebook.ErrTooManyCodes) {
			return e.Details[notebook.RetryAfter]
		} else if err != nil {
			t.Fatal(err)
		}
		return nil
	}
	for _, test := range []struct {
		email string
		p     notebook.Purpose
		after time.Duration
		wait  any
	}{
		{"a@example.com", notebook.PurposeRegister, 0, nil},
		{"a@example.com", notebook.PurposeRegister, 0, 60},
		{"a@example.com", notebook.PurposeReset, 0, nil}, // which is another one's wait
		{"a+1@example.com", notebook.PurposeRegister, 59*time.Second + 1, 1},
		{"b@example.com", notebook.PurposeReset, 59 * time.Second, nil},
		{"a@example.com", notebook.PurposeRegister, time.Minute, nil},
		{"a+2@example.com", notebook.PurposeRegister, 10 * time.Minute, nil},
		{"a@example.com", notebook.PurposeRegister, 20 * time.Minute, nil},
		{"a@example.com", notebook.PurposeRegister, 30 * time.Minute, nil},
		{"a@example.com", notebook.PurposeRegister, 40 * time.Minute, 20 * 60},
		{"a@example.com", notebook.PurposeRegister, 59*time.Minute + 30*time.Second, 30},
		{"b@example.com", notebook.PurposeRegister, 40 * time.Minute, nil},
		{"a@example.com", notebook.PurposeRegister, time.Hour, nil},
		{"a@example.com", notebook.PurposeRegister, time.Hour + time.Minute, nil}, // the second is an hour old as well
		{"a@example.com", notebook.PurposeRegister, time.Hour + 2*time.Minute, 8 * 60},
	} {
		if wait := send(test.email, test.p, test.after); wait != test.wait {
			t.Errorf("%s after %v: wait %v, want %v", test.email, test.after, wait, test.wait)
		}
	}
	// The table holds what counts, and nothing else.
	if n := count(t, s, `SELECT count(*) FROM email_verifications`); n != 6 {
		t.Errorf("%d codes are kept", n)
	}
	if wait := send("c@example.com", notebook.PurposeReset, 5*time.Hour); wait != nil {
		t.Error(wait)
	}
	if n := count(t, s, `SELECT count(*) FROM email_verifications`); n != 1 {
		t.Errorf("%d codes are kept", n)
	}
}

func TestResetPassword(t *testing.T) { onEach(t, testResetPassword) }

func testResetPassword(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	for range notebook.MaxFailedLoginsOfAll {
		if err := s.RecordLogin(ctx, ann.ID, false, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if u := must(s.User(ctx, ann.ID))(t); !u.Locked(epoch) {
		t.Fatalf("%+v is not locked", u)
	}
	mailed(t, s, ann.Email, notebook.PurposeReset, "123456", epoch)
	if _, err := s.ResetPassword(ctx, ann.Email, "000000", "new", epoch); !errors.Is(err, notebook.ErrCodeInvalid) {
		t.Fatal(err)
	}
	if _, err := s.ResetPassword(ctx, ann.Email, "123456", "new", epoch); err != nil {
		t.Fatal(err)
	}
	if u := must(s.User(ctx, ann.ID))(t); u.PasswordHash != "new" || u.PasswordVersion != 1 || u.Locked(epoch) || u.FailedLogins != 0 {
		t.Errorf("%+v", u)
	}
	if _, err := s.ResetPassword(ctx, ann.Email, "123456", "newer", epoch); !errors.Is(err, notebook.ErrCodeInvalid) {
		t.Errorf("a code was used twice: %v", err)
	}
	// A ban does not end by a new password.
	if _, err := s.DB().ExecContext(ctx, `UPDATE users SET ban_reason = 'spam' WHERE id = $1`, ann.ID); err != nil {
		t.Fatal(err)
	}
	later := epoch.Add(time.Hour)
	mailed(t, s, ann.Email, notebook.PurposeReset, "123456", later)
	if _, err := s.ResetPassword(ctx, ann.Email, "123456", "newest", later); err != nil {
		t.Fatal(err)
	}
	if u := must(s.User(ctx, ann.ID))(t); !u.Banned(later) {
		t.Errorf("%+v is not banned", u)
	}
	// Nobody has the address: no other answer than for a wrong code.
	mailed(t, s, "zoe@example.com", notebook.PurposeReset, "123456", epoch)
	if _, err := s.ResetPassword(ctx, "zoe@example.com", "123456", "new", epoch); !errors.Is(err, notebook.ErrCodeInvalid) {
		t.Error(err)
	}
}

// A new password changes nothing of a ban: neither its end, nor that it is over.
func TestResetPasswordLeavesBans(t *testing.T) { onEach(t, testResetPasswordLeavesBans) }

func testResetPasswordLeavesBans(t *testing.T, open opener) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		at      time.Duration // of the reset
		login   bool          // before the reset
		banned  bool          // after it
		forever bool
	}{
		{name: "a ban that is on", at: time.Hour, banned: true},
		{name: "a ban that is over", at: 25 * time.Hour},
		{name: "a ban that is over, after a login", at: 25 * time.Hour, login: true},
		{name: "a ban for good", at: 25 * time.Hour, banned: true, forever: true},
	} {
		s, ctx := open(t), t.Context()
		ann, root := user(t, s, "ann", notebook.RoleUser), user(t, s, "root", notebook.RoleAdmin)
		duration := "1d"
		if test.forever {
			duration = "permanent"
		}
		ban := must(notebook.NewSanction(duration, "spam", epoch))(t)
		_, err := s.ManageUser(ctx, root.ID, ann.ID, epoch, func(_, u *notebook.User) (notebook.Notice, error) { return u.Ban(ban), nil })
		if err != nil {
			t.Fatal(err)
		}
		at := epoch.Add(test.at)
		if test.login {
			if err := s.RecordLogin(ctx, ann.ID, true, at); err != nil {
				t.Fatal(err)
			}
		}
		mailed(t, s, ann.Email, notebook.PurposeReset, "123456", at)
		if _, err := s.ResetPassword(ctx, ann.Email, "123456", "new", at); err != nil {
			t.Fatal(err)
		}
		u := must(s.User(ctx, ann.ID))(t)
		if u.Banned(at) != test.banned || u.Locked(at) || u.PasswordHash != "new" || u.PasswordVersion != 1 {
			t.Errorf("%s: %+v", test.name, u)
		}
		if test.banned && ((u.LockedUntil == nil) != test.forever || !test.forever && !u.LockedUntil.Equal(*ban.Until)) {
			t.Errorf("%s: it ends at %v, not at %v", test.name, u.LockedUntil, ban.Until)
		}
		if !test.banned && u.BanReason != nil {
			t.Errorf("%s: its reason stays", test.name)
		}
	}
}
