package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

var epoch = time.Date(2026, 2, 24, 12, 0, 0, 123456000, time.UTC)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func user(t *testing.T, s *store.Store, name string, role notebook.Role) *notebook.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), notebook.NewUser{Username: name, Email: name + "@example.com", PasswordHash: "x", Role: role}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func item(t *testing.T, s *store.Store, k notebook.ItemKind, by *notebook.User, name string, mutate ...func(*notebook.Item)) *notebook.Item {
	t.Helper()
	c := &notebook.Item{Kind: k, Name: name, Description: "about " + name, UploaderID: by.ID, BasePath: "files", Version: "1.0", CreatedAt: epoch, UpdatedAt: epoch}
	for _, m := range mutate {
		m(c)
	}
	if err := s.CreateItem(t.Context(), c, []notebook.ItemFile{file("bot_config.toml", "hash of "+name)}, notebook.Quota{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func file(name, hash string) notebook.ItemFile {
	return notebook.ItemFile{FileName: name, OriginalName: name, Hash: hash, FileType: ".toml", FileSize: 3, CreatedAt: epoch, UpdatedAt: epoch}
}

// kinds runs a test for the items of each kind: most of the rules are the same.
func kinds(t *testing.T, test func(t *testing.T, k notebook.ItemKind)) {
	t.Helper()
	t.Parallel()
	for _, k := range notebook.ItemKinds() {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

func public(c *notebook.Item)  { c.Public = true }
func pending(c *notebook.Item) { c.Pending = true }
func tagged(tags string) func(*notebook.Item) {
	return func(c *notebook.Item) { c.Tags = &tags }
}

// at makes the item that many seconds younger.
func at(d time.Duration) func(*notebook.Item) {
	return func(c *notebook.Item) { c.CreatedAt = epoch.Add(d * time.Second) }
}

func anybody(*notebook.Item) error { return nil }

func count(t *testing.T, s *store.Store, query string, args ...any) (n int) {
	t.Helper()
	if err := s.DB().QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUsers(t *testing.T) { onEach(t, testUsers) }

func testUsers(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	made := user(t, s, "Ann", notebook.RoleModerator)
	got := must(s.User(ctx, made.ID))(t)
	if *got != *made || got.Role != notebook.RoleModerator || !got.CreatedAt.Equal(epoch) || got.Email != "ann@example.com" {
		t.Errorf("User = %+v, made %+v", got, made)
	}
	if must(s.UserNamed(ctx, "Ann"))(t).ID != made.ID {
		t.Error("UserNamed found another user")
	}
	for _, test := range []struct {
		name, email string
		want        error
	}{
		{"Ann", "b@example.com", notebook.ErrUsernameTaken},
		{"Bob", "ANN@example.com", notebook.ErrEmailTaken},
		{" ", "b@example.com", notebook.ErrUsernameInvalid},
		{"Bob", "nonsense", notebook.ErrEmailInvalid},
	} {
		if _, err := s.CreateUser(ctx, notebook.NewUser{Username: test.name, Email: test.email, Role: notebook.RoleUser}, epoch); !errors.Is(err, test.want) {
			t.Errorf("CreateUser(%q, %q): %v, want %v", test.name, test.email, err, test.want)
		}
	}
	for _, err := range []error{
		func() error { _, err := s.User(ctx, "x"); return err }(),
		func() error { _, err := s.UserNamed(ctx, "x"); return err }(),
		s.RecordLogin(ctx, "x", false, epoch),
	} {
		if !errors.Is(err, notebook.ErrUserNotFound) {
			t.Errorf("unknown user: %v", err)
		}
	}
	if err := s.SetPassword(ctx, made, "new"); err != nil {
		t.Fatal(err)
	}
	// A second request that knew the same old password comes too late.
	if err := s.SetPassword(ctx, made, "newer"); !errors.Is(err, notebook.ErrInvalidToken) {
		t.Errorf("SetPassword over another one's: %v", err)
	}
	if got := must(s.User(ctx, made.ID))(t); got.PasswordVersion != 1 || got.PasswordHash != "new" {
		t.Errorf("after SetPassword: %+v", got)
	}
}

func TestEnsureSuperAdmin(t *testing.T) { onEach(t, testEnsureSuperAdmin) }

func testEnsureSuperAdmin(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	if created, err := s.EnsureSuperAdmin(ctx, "root", "one"); err != nil || !created {
		t.Fatal(created, err)
	}
	if created, err := s.EnsureSuperAdmin(ctx, "root", "two"); err != nil || created {
		t.Fatal(created, err)
	}
	if u := must(s.UserNamed(ctx, "root"))(t); u.Role != notebook.RoleSuperAdmin || u.PasswordHash != "one" {
		t.Errorf("%+v", u)
	}
	user(t, s, "ann", notebook.RoleAdmin)
	if _, err := s.EnsureSuperAdmin(ctx, "ann", "x"); !errors.Is(err, notebook.ErrUsernameTaken) {
		t.Errorf("somebody else's name: %v", err)
	}
}

func TestFailedLoginsLock(t *testing.T) { onEach(t, testFailedLoginsLock) }

func testFailedLoginsLock(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	for range notebook.MaxFailedLoginsOfAll - 1 {
		if err := s.RecordLogin(ctx, ann.ID, false, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordLogin(ctx, ann.ID, true, epoch); err != nil {
		t.Fatalf("one attempt was left: %v", err)
	}
	if u := must(s.User(ctx, ann.ID))(t); u.FailedLogins != 0 {
		t.Errorf("%d failed logins after a success", u.FailedLogins)
	}
	// Concurrent attempts are all counted: none slips through.
	const together = 8
	for range notebook.MaxFailedLoginsOfAll - together {
		if err := s.RecordLogin(ctx, ann.ID, false, epoch); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range together {
		wg.Go(func() {
			if err := s.RecordLogin(ctx, ann.ID, false, epoch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if u := must(s.User(ctx, ann.ID))(t); !u.Locked(epoch.Add(notebook.LockDuration-1)) || u.Locked(epoch.Add(notebook.LockDuration)) {
		t.Errorf("%+v", u)
	}
	// Who is known, and comes in, leaves the others out.
	if err := s.RecordLogin(ctx, ann.ID, true, epoch); err != nil {
		t.Error(err)
	}
	if u := must(s.User(ctx, ann.ID))(t); !u.Locked(epoch) || u.FailedLogins != 0 {
		t.Errorf("%+v", u)
	}
	if err := s.RecordLogin(ctx, ann.ID, false, epoch.Add(notebook.LockDuration)); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	if u := must(s.User(ctx, ann.ID))(t); u.FailedLogins != 1 || u.LockedUntil != nil {
		t.Errorf("the count begins anew: %+v", u)
	}
}
